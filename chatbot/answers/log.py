"""The log of an answer: a Redis Stream of its events, which every instance can read.

| field     | holds                                             |
|-----------|---------------------------------------------------|
| `session` | the session that the answer belongs to            |
| `event`   | the event's name                                  |
| `payload` | its payload as JSON                               |

The stream lies in the slot of its session (see `chatbot.sessions.layout`), and an entry's id is the event's
number: `{seq}-0`. So an append sent again because its reply was lost doubles nothing, and one script can see
whether the session still names the sender as the writer of this answer. The log outlives its last
append by 600 s.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from cachekit.core.cache import Cache
from cachekit.core.log_record import order_of, text_of
from chatbot.answers.event import Event
from chatbot.answers.feed import Feed
from chatbot.sessions import answer_key

DEFAULT_RETENTION: Final = 600
"""Seconds a log outlives its last append."""

BATCH: Final = 200
"""Events written by one script, and read by one command, at most."""

FOLLOWED: Final = 100
"""Logs that are read in one round trip, at most."""

# Invariants: only the writer that the session names appends, and renews its lease by it where that is due
# (ARGV[3] is not 0); once the answer is kept (ARGV[5] is "1") the one who kept it, or found it kept, appends
# the end. Nothing is appended twice, nor behind a hole: if the log has lost what came before, nothing is
# appended, and the reply tells from where to begin. A question that nobody is at, since the session was
# read back from the archive, is taken again by its writer; but not by one who does not know all that the
# log holds.
# KEYS[1] the session, KEYS[2] the log; ARGV: answer id, writer, lease (ms) or 0, retention (s), "1" for the
# end of a kept answer, the number of the event before these, session id; then seq, event, payload of each.
# Returns {"gone"}: no such session; {"replaced"}: another writer's; {"logged", the log's last number}.
# The time is the server's own. Least server version 5.0.
_APPEND: Final = """
local answer, writer, before = ARGV[1], ARGV[2], tonumber(ARGV[6])
local held = redis.call('HMGET', KEYS[1], 'owner', 'answering', 'writer')
if not held[1] then
    return {'gone'}
end
local top = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local last = top[1] and tonumber(string.match(top[1][1], '^%d+')) or 0
local expiring = last == 0 or ARGV[3] ~= '0'
local newest = #ARGV > 7 and tonumber(ARGV[#ARGV - 2]) or before
if last > newest then
    return {'replaced'}
end
if ARGV[5] == '1' then
    if redis.call('HEXISTS', KEYS[1], 'a:' .. answer) == 0 then
        return {'replaced'}
    end
elseif held[2] ~= answer or (held[3] and held[3] ~= writer) then
    return {'replaced'}
elseif ARGV[3] ~= '0' then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('HSET', KEYS[1], 'writer', writer, 'lease', string.format('%.0f', now + ARGV[3]))
end
if last >= before then
    for at = 8, #ARGV, 3 do
        if tonumber(ARGV[at]) > last then
            redis.call('XADD', KEYS[2], ARGV[at] .. '-0', 'session', ARGV[7], 'event', ARGV[at + 1],
                'payload', ARGV[at + 2])
            last = tonumber(ARGV[at])
        end
    end
end
if expiring then
    redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return {'logged', last}
"""

_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.decode

Refusal = Literal["gone", "replaced"]


class AnswerLog:
    """Appends to the logs of answers as one writer, and reads them as anybody.

    Every verb raises CacheUnavailable while Redis is away. `lease` is for how many seconds an append makes
    `writer` the writer of its answer, `retention` how many seconds a log outlives it.
    """

    def __init__(
        self, cache: Cache, *, writer: str, lease: float, retention: int = DEFAULT_RETENTION
    ) -> None:
        self._cache = cache
        self._writer = writer
        self._lease = round(lease * 1000)
        self._retention = retention

    async def append(
        self, feed: Feed, events: Sequence[Event], *, before: int, renew: bool = True, is_kept: bool = False
    ) -> int | Refusal:
        """Write events, if any, that follow number `before`; with `renew` the lease and the log live on.

        `is_kept`: the answer is in the session, and this is its end.

        Outcomes:
            a number: the log's last event. Below `before`: the log was lost, and nothing has been written;
                what is behind that number must be written again.
            "replaced": another instance writes this answer, or it waits no longer.
            "gone": the session is not in Redis; it was deleted, or Redis has lost it.
        """
        end = "1" if is_kept else "0"
        lease = self._lease if renew else 0
        arguments: list[str | bytes | int] = [feed.answer_id, self._writer, lease, self._retention]
        arguments += [end, before, feed.session_id]
        for event in events:
            arguments += [event.seq, event.name, _encode(event.payload)]
        word, *rest = await self._cache.store.run_script(_APPEND, feed.keys, *arguments)
        if word == b"gone":
            return "gone"
        return int(rest[0]) if rest else "replaced"

    async def read(self, session_id: str, answer_id: str, *, after: int = 0) -> list[Event]:
        """All events behind number `after`; none if the log has expired, or is another session's."""
        events: list[Event] = []
        while True:
            command = _range(session_id, answer_id, after)
            rows = await self._cache.store.execute(*command)
            page = _events(rows, session_id)
            events += page
            if len(page) < BATCH:
                return events
            after = page[-1].seq

    async def read_on(self, feeds: Sequence[Feed]) -> list[list[Event]]:
        """The next events of each feed, at most 200 each, in one round trip for every hundred of them."""
        found: list[list[Event]] = []
        for start in range(0, len(feeds), FOLLOWED):
            some = feeds[start : start + FOLLOWED]
            commands = [_range(feed.session_id, feed.answer_id, feed.newest) for feed in some]
            replies = await self._cache.store.pipeline(commands)
            found += [_events(rows, feed.session_id) for rows, feed in zip(replies, some, strict=True)]
        return found


def _range(session_id: str, answer_id: str, after: int) -> tuple[str | int, ...]:
    return ("XRANGE", answer_key(session_id, answer_id), f"{after + 1}-0", "+", "COUNT", BATCH)


def _events(rows: Any, session_id: str) -> list[Event]:
    events = []
    for id_, raw in rows:
        fields = {text_of(name): value for name, value in raw.items()}
        if text_of(fields["session"]) == session_id:
            seq, _ = order_of(text_of(id_))
            events.append(Event(seq, text_of(fields["event"]), _decode(fields["payload"])))
    return events
