"""How messages lie in Redis: records of one stream, each of which names the one before it.

| field  | holds                                                                             |
|--------|-----------------------------------------------------------------------------------|
| `prev` | the id of the record before it; empty in the first one of a stream                |
| `from` | the sending instance                                                              |
| `run`  | the sender's run: an instance that has been started anew counts from 1 again      |
| `n`    | the message's number, counted by its sender; never used twice within a run        |
| `at`   | the id of the record that held the message first, if that one was lost; else empty |
| `body` | the message as JSON                                                               |

By `prev` a reader knows that nothing is missing between two records, however much was trimmed; by `run` and
`n` that it has seen a message before; by `at` that a message is older than the reader itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from cachekit.core.log_record import order_of, text_of

KEY: Final = "chat_bus"

BATCH: Final = 500
"""Records read at once, and messages written at once."""

# Invariant: a stream that is followed is never without a record: what a reader knows last is either there,
# or was trimmed, or lost.
# KEYS[1] the stream; ARGV[1] seconds that it outlives its last use.
# Returns the id of the last record.
JOIN: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if last[1] then
    return last[1][1]
end
local id = redis.call('XADD', KEYS[1], '*', 'prev', '')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return id
"""

# Whether a sender's record is lost, and not merely trimmed: then all that is left is younger than it, and the
# oldest that is left has had one before it.
_LOST: Final = """
local function is_lost(id, run)
    local found = redis.call('XRANGE', KEYS[1], id, id)[1]
    if found then
        -- Another run's: the stream was lost and begun anew within a millisecond.
        return found[2][6] ~= run
    end
    local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
    return not first or #redis.call('XRANGE', KEYS[1], '-', id, 'COUNT', 1) > 0 or first[2][2] == ''
end
"""

# Invariant: messages of one sender lie in the order of their numbers, none without those that its sender
# knows to have been accepted before it: if the last of them is lost, nothing is appended.
# KEYS[1] the stream; ARGV[1] the id of the sender's last record, '' if it asks for none; ARGV[2] milliseconds
# that a record is kept; ARGV[3] most records kept; ARGV[4] seconds that the stream outlives its last use;
# ARGV[5] the sender; ARGV[6] its run; then n, at, body of each message.
# Returns the ids of the new records; nil if the sender's last one is lost.
# The time is the server's own. Least server version 6.2 (XTRIM MINID).
APPEND: Final = (
    _LOST
    + """
if ARGV[1] ~= '' and is_lost(ARGV[1], ARGV[6]) then
    return false
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local prev, ids = last[1] and last[1][1] or '', {}
for at = 7, #ARGV, 3 do
    prev = redis.call('XADD', KEYS[1], '*', 'prev', prev, 'from', ARGV[5], 'run', ARGV[6],
        'n', ARGV[at], 'at', ARGV[at + 1], 'body', ARGV[at + 2])
    ids[#ids + 1] = prev
end
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2]
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest))
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return ids
"""
)

# Changes nothing. KEYS[1] the stream; ARGV[1] the id that a reader knows last; ARGV[2] the id of its own last
# record, '' for none; ARGV[3] its run.
# Returns whether the first is there, and whether the second is lost (1 or 0).
PROBE: Final = (
    _LOST
    + """
local found = #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
return {found, ARGV[2] ~= '' and is_lost(ARGV[2], ARGV[3]) and 1 or 0}
"""
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the stream; `body` is None for one that holds no message."""

    id: str
    prev: str
    sender: str = ""
    run: str = ""
    number: int = 0
    at: str = ""
    body: bytes | None = None

    @classmethod
    def parse(cls, row: Any) -> Self:
        """From `(id, {name: value})`; what is not ours holds no message, and follows nothing."""
        id_ = text_of(row[0])
        try:
            fields = {text_of(name): value for name, value in row[1].items()}
            if "body" not in fields:
                return cls(id_, text_of(fields.get("prev", "")))
            prev, sender, run, number, at = (
                text_of(fields[name]) for name in ("prev", "from", "run", "n", "at")
            )
            if at:
                order_of(at)
            return cls(id_, prev, sender, run, int(number), at, fields["body"])
        except (KeyError, ValueError, AttributeError):
            return cls(id_, "")


def records_in(reply: Any) -> Iterator[Record]:
    """The records in XREAD's reply, which nests them by key: differently so under RESP2 and RESP3."""
    for item in reply.values() if isinstance(reply, dict) else reply:
        if isinstance(item, tuple) and isinstance(item[1], dict):
            yield Record.parse(item)
        elif isinstance(item, list | tuple):
            yield from records_in(item)
