"""An answer as one instance knows it: its events so far, and the sockets here that follow it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final

from chatbot.answers.event import Event
from chatbot.sessions import answer_key, session_key

PushMany = Callable[[Iterable[str], str, Mapping[str, Any]], int]
"""Queues an event for sockets, in order; must neither block nor raise, also for sockets that have gone."""

_seq: Final = attrgetter("seq")


class Feed:
    """The events of one answer, in order, and who gets them.

    Events are put in first and shown later: the writer shows them once they are in the log. A socket that
    is attached has got everything shown so far after the event it named, and gets what is shown from then on:
    all of it synchronously, so that nothing can come between.
    """

    def __init__(self, answer_id: str, session_id: str, user_id: str, push_many: PushMany) -> None:
        self.answer_id = answer_id
        self.session_id = session_id
        self.user_id = user_id
        self.keys = (session_key(session_id), answer_key(session_id, answer_id))
        """The keys of the session and of the answer's log: every append needs them."""
        self.stop_wanted = False
        """Whether somebody asked to stop the answer; heeded by whoever takes it over."""
        self._push_many = push_many
        self._events: list[Event] = []
        self._shown = 0
        self._sids: dict[str, int] = {}
        """Who follows, and behind which number: what is below comes again if a lost log is written anew."""

    @property
    def newest(self) -> int:
        """The number of the last event, shown or not; 0 before the first."""
        return self._events[-1].seq if self._events else 0

    @property
    def last_shown(self) -> int:
        """The number of the last event shown; 0 before the first."""
        return self._events[self._shown - 1].seq if self._shown else 0

    @property
    def seen(self) -> int:
        """The highest number that a socket which follows has got, here or before it came."""
        return max(self.last_shown, *self._sids.values(), 0)

    @property
    def is_done(self) -> bool:
        """Whether the last event has been shown."""
        return self._shown > 0 and self._events[self._shown - 1].name == "chat:done"

    @property
    def sids(self) -> tuple[str, ...]:
        """The sockets that follow."""
        return tuple(self._sids)

    def after(self, seq: int) -> list[Event]:
        """The events behind number `seq`, shown or not."""
        return self._events[self._behind(seq) :]

    def put(self, event: Event) -> None:
        """Add an event, without showing it yet.

        Raises:
            ValueError: its number is not above the last one's.
        """
        if event.seq <= self.newest:
            raise ValueError(f"event {event.seq} of an answer cannot follow event {self.newest}")
        self._events.append(event)

    def take(self, events: Iterable[Event]) -> None:
        """Add events that are in the log, less those known already, and show all."""
        for event in events:
            if event.seq > self.newest:
                self.put(event)
        self.show()

    def show(self, until: int | None = None) -> None:
        """Push the events up to number `until`, or all, to the sockets that follow."""
        end = len(self._events) if until is None else self._behind(until)
        while self._shown < end:
            event = self._events[self._shown]
            self._shown += 1
            # A list of its own: a socket that is cut off for being slow leaves at this very moment.
            sids = [sid for sid, after in self._sids.items() if after < event.seq]
            if sids:
                self._push_many(sids, event.name, event.payload)

    def forget_after(self, seq: int) -> None:
        """Drop the events behind number `seq`, not known to be in the log: another writer is at it.

        Sockets that were shown some get none of their numbers again, such as where only the log's answer was
        lost: what the other writer says comes behind a `chat:reset`, far above them.
        """
        self._sids = {sid: max(after, self.last_shown) for sid, after in self._sids.items()}
        del self._events[self._behind(seq) :]
        self._shown = min(self._shown, len(self._events))

    def attach(self, sid: str, after: int) -> None:
        """Push to a socket what was shown behind number `after`, and from now on what will be.

        A socket that follows already has it all.
        """
        if sid in self._sids:
            return
        self._sids[sid] = after
        for event in self._events[self._behind(after) : self._shown]:
            self._push_many((sid,), event.name, event.payload)

    def leave(self, sid: str) -> int:
        """The socket follows no longer; the number of the last event it has got."""
        return max(self.last_shown, self._sids.pop(sid, 0))

    def _behind(self, seq: int) -> int:
        return bisect_right(self._events, seq, key=_seq)
