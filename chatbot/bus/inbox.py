"""Which records hold a message that is new to this instance."""

from collections import OrderedDict
from typing import Final

from cachekit.core.log_record import order_of
from chatbot.bus.stream import Record

MOST_RUNS: Final = 4_096
"""Runs of senders remembered, those heard of last: far more than are alive within a stream's span."""


class Inbox:
    """Remembers, for each run of a sender, the highest number heard.

    That is enough to tell a message that comes again, since each sender's messages lie in the stream in
    order, also when they are appended again because Redis had lost them.
    """

    def __init__(self, since: str) -> None:
        """`since` is the id of the record that was the last one when this instance began to listen."""
        self._since = order_of(since)
        self._heard: OrderedDict[tuple[str, str], int] = OrderedDict()

    def takes(self, record: Record) -> bool:
        """Whether the record holds a message that this instance shall hear now; counts it as heard."""
        if record.body is None or order_of(record.at or record.id) <= self._since:
            return False
        run = (record.sender, record.run)
        if record.number <= self._heard.get(run, 0):
            return False
        self._heard[run] = record.number
        self._heard.move_to_end(run)
        if len(self._heard) > MOST_RUNS:
            self._heard.popitem(last=False)
        return True
