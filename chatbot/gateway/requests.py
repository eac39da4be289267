"""How each request is answered: signed in or not, understood or not, always with an acknowledgement."""

import itertools
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from cachekit.core.clock import Clock
from chatbot import logs
from chatbot.errors import explain
from chatbot.gateway.audience import Audience, Connected
from chatbot.gateway.door import Door, require_turn
from chatbot.limits import AddressLimit
from chatbot.metrics import Metrics

Handler = Callable[[Connected, Any], Awaitable[dict[str, Any]]]
"""Does what one event asks for; what it returns stands in the acknowledgement beside `ok`."""

Answer = Callable[[str, object], Awaitable[dict[str, Any]]]


def refusal(code: str, message: str) -> dict[str, Any]:
    """The acknowledgement of a request that failed."""
    return {"ok": False, "error": {"code": code, "message": message}}


OVERLOADED: Final = refusal("busy", "Too many requests at once; wait for their answers.")
UNKNOWN: Final = refusal("unknown_event", "There is no such event.")


class Requests:
    """Turns a handler's outcome into the acknowledgement that every request gets, errors included."""

    def __init__(
        self, audience: Audience, door: Door, addresses: AddressLimit, metrics: Metrics, clock: Clock
    ) -> None:
        self._audience = audience
        self._door = door
        self._addresses = addresses
        self._metrics = metrics
        self._clock = clock
        # A random number for each request would cost more than the rest of this.
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def answered_by(self, event: str, handler: Handler, *, refreshes: bool = False) -> Answer:
        """A function of socket id and payload; `refreshes` are allowed when the token has ended."""

        async def answer(sid: str, payload: object) -> dict[str, Any]:
            connected = self._audience.get(sid)
            if connected is None or not connected.entered:
                return refusal("not_connected", "This socket is not signed in.")
            began, code = self._clock.monotonic(), "ok"
            request_id = f"{self._prefix}-{next(self._numbers)}"
            with logs.bound(request_id=request_id, socket_id=sid, session_id=connected.session_id):
                try:
                    require_turn(self._addresses, connected.address, "requests")
                    if not refreshes:
                        self._door.require_signed_in(connected)
                    return {"ok": True, **await handler(connected, payload)}
                except Exception as error:  # noqa: BLE001 - told to the client and to the log
                    code, message = explain(error, f"{event} failed")
                    return refusal(code, message)
                finally:
                    self._metrics.request(event, code, self._clock.monotonic() - began)

        return answer
