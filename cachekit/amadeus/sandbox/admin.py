"""The knobs of a running sandbox, under `/_sandbox/`. Not a part of the wire; never counted or delayed.

| request                         | body, all fields optional                                             |
|---------------------------------|-----------------------------------------------------------------------|
| `GET    /_sandbox/stats`        | -                                                                     |
| `POST   /_sandbox/clock`        | `now` (ISO 8601 with offset) or `advance` (seconds)                   |
| `POST   /_sandbox/latency`      | `median_ms`, `spread`, `most_ms`                                      |
| `POST   /_sandbox/faults`       | `kind`, `code`, `seconds`, `megabytes`, `count`, `endpoint`           |
| `DELETE /_sandbox/faults`       | -                                                                     |
| `POST   /_sandbox/limits`       | `per_second`, `min_interval_ms`, `quota`; what is left out is no limit |
| `POST   /_sandbox/tokens`       | `lifetime` (seconds) of tokens issued from now on                     |
| `POST   /_sandbox/tokens/expire` | -                                                                    |
| `POST   /_sandbox/tokens/revoke` | -                                                                    |
| `POST   /_sandbox/reset`        | -                                                                     |

Kinds of faults and endpoints are those of `cachekit.amadeus.sandbox.faults`. Each request answers with the
stats: `{"now", "seed", "requests": {endpoint: count}, "statuses": {endpoint: {status: count}}, "quota_used",
"faults_waiting"}`; a connection that was cut has the status `none`. A body that does not fit is answered
with 400 and `{"error"}`.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from cachekit.amadeus.sandbox.faults import Endpoint, Fault, FaultKind
from cachekit.amadeus.sandbox.issues import TITLES, Refusal
from cachekit.amadeus.sandbox.latency import Latency
from cachekit.amadeus.sandbox.limits import Limits
from cachekit.amadeus.sandbox.replay import Replay
from cachekit.amadeus.sandbox.requests.bodies import read_content
from cachekit.amadeus.sandbox.state import SandboxState

__all__ = ["Admin"]

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""Between these the clock may be set: schedules and time zones are known well enough."""

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=60_000)]


class Knob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the bodies; an unknown field is refused."""


class ClockKnob(Knob, frozen=True):
    """Body of `/_sandbox/clock`."""

    now: AwareTime | None = None
    advance: Annotated[float, msgspec.Meta(ge=-40_000_000, le=40_000_000)] = 0.0


class LatencyKnob(Knob, frozen=True):
    """Body of `/_sandbox/latency`."""

    median_ms: Milliseconds = 0.0
    spread: Annotated[float, msgspec.Meta(ge=0, le=3)] = 0.35
    most_ms: Milliseconds = 2_000.0


class FaultKnob(Knob, frozen=True):
    """Body of `/_sandbox/faults`."""

    kind: FaultKind = "error"
    code: int = 141
    seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 1.0
    megabytes: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    count: Count = 1
    endpoint: Endpoint = "flight-offers"


class LimitsKnob(Knob, frozen=True):
    """Body of `/_sandbox/limits`."""

    per_second: Count | None = None
    min_interval_ms: Milliseconds | None = None
    quota: Annotated[int, msgspec.Meta(ge=0)] | None = None


class TokensKnob(Knob, frozen=True):
    """Body of `/_sandbox/tokens`."""

    lifetime: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 1_799


K = TypeVar("K", bound=Knob)


class Admin:
    """Turns the knobs of one sandbox."""

    def __init__(self, state: SandboxState, replay: Replay | None = None) -> None:
        self._state = state
        self._replay = replay

    def routes(self) -> list[web.RouteDef]:
        """One route for each knob."""
        return [
            web.get("/_sandbox/stats", self._stats),
            web.post("/_sandbox/clock", self._set_clock),
            web.post("/_sandbox/latency", self._set_latency),
            web.post("/_sandbox/faults", self._add_faults),
            web.delete("/_sandbox/faults", self._clear_faults),
            web.post("/_sandbox/limits", self._set_limits),
            web.post("/_sandbox/tokens", self._set_tokens),
            web.post("/_sandbox/tokens/expire", self._expire_tokens),
            web.post("/_sandbox/tokens/revoke", self._revoke_tokens),
            web.post("/_sandbox/reset", self._reset),
        ]

    async def _stats(self, _: web.Request) -> web.Response:
        body = msgspec.json.encode(self._state.stats())
        return web.Response(body=body, content_type="application/json")

    async def _set_clock(self, request: web.Request) -> web.Response:
        knob = await _read(request, ClockKnob)
        moment = knob.now or self._state.now()
        if EARLIEST <= moment <= LATEST:
            moment += timedelta(seconds=knob.advance)
        if not EARLIEST <= moment <= LATEST:
            raise _bad_request(f"the clock can stand between {EARLIEST:%Y} and {LATEST:%Y}")
        self._state.set_now(moment)
        return await self._stats(request)

    async def _set_latency(self, request: web.Request) -> web.Response:
        knob = await _read(request, LatencyKnob)
        self._state.latency = Latency(knob.median_ms, knob.spread, knob.most_ms)
        return await self._stats(request)

    async def _add_faults(self, request: web.Request) -> web.Response:
        knob = await _read(request, FaultKnob)
        if knob.code not in TITLES:
            raise _bad_request(f"code must be one of {', '.join(map(str, TITLES))}, not {knob.code}")
        fault = Fault(knob.endpoint, knob.kind, knob.code, knob.seconds, knob.megabytes)
        self._state.fail_next(fault, knob.count)
        return await self._stats(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._state.faults.clear()
        return await self._stats(request)

    async def _set_limits(self, request: web.Request) -> web.Response:
        knob = await _read(request, LimitsKnob)
        self._state.limits = Limits(knob.per_second, knob.min_interval_ms, knob.quota)
        return await self._stats(request)

    async def _set_tokens(self, request: web.Request) -> web.Response:
        self._state.token_lifetime = (await _read(request, TokensKnob)).lifetime
        return await self._stats(request)

    async def _expire_tokens(self, request: web.Request) -> web.Response:
        self._state.expire_tokens()
        return await self._stats(request)

    async def _revoke_tokens(self, request: web.Request) -> web.Response:
        self._state.revoke_tokens()
        return await self._stats(request)

    async def _reset(self, request: web.Request) -> web.Response:
        self._state.reset()
        if self._replay is not None:
            self._replay.reset()
        return await self._stats(request)


async def _read(request: web.Request, kind: type[K]) -> K:
    try:
        return msgspec.json.decode(await read_content(request) or b"{}", type=kind)
    except (Refusal, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _bad_request(str(error)) from error


def _bad_request(reason: str) -> web.HTTPBadRequest:
    document = msgspec.json.encode({"error": reason}).decode()
    return web.HTTPBadRequest(text=document, content_type="application/json")
