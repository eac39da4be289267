"""The knobs of a running sandbox, under `/sandbox/`. Not a part of the wire; never counted or delayed.

| request                       | body, all fields optional                                               |
|-------------------------------|-------------------------------------------------------------------------|
| `GET  /sandbox/stats`         | -                                                                       |
| `POST /sandbox/clock`         | `now` (ISO 8601 with offset) or `advance` (seconds)                     |
| `POST /sandbox/latency`       | `median_ms`, `spread`, `most_ms`                                        |
| `POST /sandbox/faults`        | `kind` ("error", "disconnect", "malformed"), `code`, `count`, `endpoint` |
| `POST /sandbox/limits`        | `per_second`, `min_interval_ms`, `quota`; what is left out has no limit |
| `POST /sandbox/tokens`        | `lifetime` (seconds) of tokens issued from now on                       |
| `POST /sandbox/tokens/expire` | -                                                                       |
| `POST /sandbox/reset`         | -                                                                       |

Each answers with the stats: `{"now", "seed", "requests": {endpoint: count}}`. A body that does not fit is
answered with 400 and `{"error"}`.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from cachekit.amadeus.sandbox.issues import TITLES
from cachekit.amadeus.sandbox.state import Endpoint, Fault, FaultKind, Latency, Limits, SandboxState

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
    """Body of `/sandbox/clock`."""

    now: AwareTime | None = None
    advance: Annotated[float, msgspec.Meta(ge=-40_000_000, le=40_000_000)] = 0.0


class LatencyKnob(Knob, frozen=True):
    """Body of `/sandbox/latency`."""

    median_ms: Milliseconds = 0.0
    spread: Annotated[float, msgspec.Meta(ge=0, le=3)] = 0.35
    most_ms: Milliseconds = 2_000.0


class FaultKnob(Knob, frozen=True):
    """Body of `/sandbox/faults`."""

    kind: FaultKind = "error"
    code: int = 141
    count: Count = 1
    endpoint: Endpoint = "flight-offers"


class LimitsKnob(Knob, frozen=True):
    """Body of `/sandbox/limits`."""

    per_second: Count | None = None
    min_interval_ms: Milliseconds | None = None
    quota: Annotated[int, msgspec.Meta(ge=0)] | None = None


class TokensKnob(Knob, frozen=True):
    """Body of `/sandbox/tokens`."""

    lifetime: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 1_799


K = TypeVar("K", bound=Knob)


class Admin:
    """Turns the knobs of one sandbox."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """One route for each knob."""
        return [
            web.get("/sandbox/stats", self._stats),
            web.post("/sandbox/clock", self._set_clock),
            web.post("/sandbox/latency", self._set_latency),
            web.post("/sandbox/faults", self._add_faults),
            web.post("/sandbox/limits", self._set_limits),
            web.post("/sandbox/tokens", self._set_tokens),
            web.post("/sandbox/tokens/expire", self._expire_tokens),
            web.post("/sandbox/reset", self._reset),
        ]

    async def _stats(self, _: web.Request) -> web.Response:
        document = {
            "now": self._state.now(),
            "seed": self._state.seed,
            "requests": dict(self._state.requests),
        }
        return web.Response(body=msgspec.json.encode(document), content_type="application/json")

    async def _set_clock(self, request: web.Request) -> web.Response:
        knob = await _read(request, ClockKnob)
        moment = knob.now or self._state.now()
        if not EARLIEST <= moment <= LATEST:
            raise _bad_request(f"the clock can stand between {EARLIEST:%Y} and {LATEST:%Y}")
        self._state.set_now(moment + timedelta(seconds=knob.advance))
        return await self._stats(request)

    async def _set_latency(self, request: web.Request) -> web.Response:
        knob = await _read(request, LatencyKnob)
        self._state.latency = Latency(knob.median_ms, knob.spread, knob.most_ms)
        return await self._stats(request)

    async def _add_faults(self, request: web.Request) -> web.Response:
        knob = await _read(request, FaultKnob)
        if knob.code not in TITLES:
            raise _bad_request(f"code must be one of {', '.join(map(str, TITLES))}, not {knob.code}")
        self._state.fail_next(Fault(knob.endpoint, knob.kind, knob.code), knob.count)
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

    async def _reset(self, request: web.Request) -> web.Response:
        self._state.reset()
        return await self._stats(request)


async def _read(request: web.Request, kind: type[K]) -> K:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise _bad_request(str(error)) from error


def _bad_request(reason: str) -> web.HTTPBadRequest:
    document = msgspec.json.encode({"error": reason}).decode()
    return web.HTTPBadRequest(text=document, content_type="application/json")
