"""The sockets of one instance, wired to what answers them. Everything shared lies in Redis."""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from cachekit.core.clock import Clock
from cachekit.core.codec import iso_utc
from cachekit.socket_auth import SocketKeeper
from chatbot import logs
from chatbot.analytics import Analytics
from chatbot.answers import Answers
from chatbot.auth import Deadlines, Revocations, TokenVerifier
from chatbot.bus import Bus
from chatbot.errors import LimitError, explain
from chatbot.gateway.audience import Audience, Connected
from chatbot.gateway.bulletin import Bulletin
from chatbot.gateway.chats import Chats
from chatbot.gateway.door import Door
from chatbot.gateway.requests import OVERLOADED, UNKNOWN, Requests
from chatbot.gateway.watch import Watchers
from chatbot.limits import AddressLimit, Network, OriginRule, UserLimits
from chatbot.messages import Draining, Expired, Expiring, RefreshToken, parse
from chatbot.metrics import Metrics
from chatbot.models.protocol import ChatModel
from chatbot.sessions import SessionRepository
from chatbot.transport import ConnectRefused, SocketServer

MAX_PAYLOAD: Final = 64 * 1024
"""Bytes of one message from a client; the longest question is far below."""
MAX_WAITING: Final = 16
"""Requests of one socket that may wait for the one before them."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds in which who has opened a connection must say who they are."""
WARNING: Final = 60.0
"""Seconds before its token ends at which a socket is told."""

MakeAnswers = Callable[..., Answers]
"""Makes what writes the answers, from `push_many` and `audience`, see `Answers`."""


class Gateway:
    """Connects sockets with sessions and answers.

    `origins` are those whose pages may connect beside the gateway's own; `trusted` are the networks of
    proxies whose word on a client's address is taken. `addresses` limits how often an address may connect,
    `requests` how much it may ask for on all of its sockets.
    """

    def __init__(
        self,
        *,
        origins: Sequence[str],
        trusted: Sequence[Network],
        verifier: TokenVerifier,
        revocations: Revocations,
        addresses: AddressLimit,
        requests: AddressLimit,
        limits: UserLimits,
        keeper: SocketKeeper,
        sessions: SessionRepository,
        answers: MakeAnswers,
        analytics: Analytics,
        metrics: Metrics,
        bus: Bus,
        model: ChatModel,
        clock: Clock,
    ) -> None:
        self._audience = audience = Audience()
        self._metrics = metrics
        self.draining = False
        """Whether nobody is let in any more."""
        self._server = server = SocketServer(
            connect=self._connect,
            disconnected=self._disconnected,
            overloaded=OVERLOADED,
            unknown=UNKNOWN,
            origins=OriginRule(origins) if origins else None,
            max_payload=MAX_PAYLOAD,
            max_waiting=MAX_WAITING,
            handshake_timeout=HANDSHAKE_TIMEOUT,
        )
        self.answers = answers(push_many=server.push_many, audience=audience.of_session)
        """The answers being written by this instance."""
        self._deadlines = Deadlines(
            expiring=self._expiring, expired=self._expired, warning=WARNING, clock=clock
        )
        self._door = door = Door(
            verifier=verifier,
            revocations=revocations,
            addresses=addresses,
            limits=limits,
            trusted=trusted,
            keeper=keeper,
            deadlines=self._deadlines,
            audience=audience,
            clock=clock,
        )
        self._bulletin = Bulletin(
            bus, audience, revocations, self.answers, push=server.push_many, end=server.end
        )
        self._watchers = Watchers(analytics, server.push_many)
        self._requests = Requests(audience, door, requests, metrics, clock)
        chats = Chats(
            audience=audience,
            keeper=keeper,
            sessions=sessions,
            answers=self.answers,
            limits=limits,
            analytics=analytics,
            bus=bus,
            model=model,
            deleted=self._bulletin.deleted,
        )
        for event, handler in (
            ("chat:start", chats.start),
            ("chat:message", chats.ask),
            ("chat:resume", chats.resume),
            ("chat:stop", chats.stop),
            ("chat:list", chats.list),
            ("chat:rename", chats.rename),
            ("chat:delete", chats.delete),
            ("admin:watch", self._watchers.watch),
            ("admin:unwatch", self._watchers.unwatch),
        ):
            server.on(event, self._requests.answered_by(event, handler))
        server.on("auth:refresh", self._requests.answered_by("auth:refresh", self._refresh, refreshes=True))

    @property
    def sockets(self) -> int:
        """How many sockets are connected here."""
        return len(self._server)

    @property
    def transports(self) -> int:
        """How many connections are open here, those included that have not said who they are."""
        return self._server.transports

    @property
    def transports_ended(self) -> Mapping[str, int]:
        """How many connections have ended, by reason, those included that never said who they are."""
        return self._server.lost

    def attach(self, application: web.Application) -> None:
        """Serve Socket.IO at its default path, `/socket.io`, of `application`."""
        self._server.attach(application)

    async def drain(self, within: float) -> None:
        """Let nobody in any more, tell the sockets, and give answers `within` seconds to be finished.

        What is not finished then is left for another instance to answer. Sockets stay, until `aclose`.
        """
        self.draining = True
        sids = [connected.sid for connected in self._audience]
        self._server.push_many(sids, "server:draining", Draining(within=within).payload())
        await self.answers.drain(within)

    async def aclose(self, *, spread: float = 0.0) -> None:
        """End all sockets, over `spread` seconds so that they do not all come back at once elsewhere."""
        self.draining = True
        await self.answers.aclose()
        await self._watchers.aclose()
        await self._server.aclose(spread=spread)
        await self._deadlines.aclose()

    async def _connect(self, sid: str, request: web.Request, auth: object) -> None:
        """Let a socket in, or refuse it with a sentence and `{"code", "message"}`."""
        with logs.bound(request_id=secrets.token_hex(6), socket_id=sid):
            try:
                self._require_open()
                await self._door.enter(sid, request, auth)
                if self.draining:
                    # The others were told while this one was at the door.
                    self._door.leave(sid)
                self._require_open()
            except Exception as error:  # noqa: BLE001 - told to the client and to the log
                code, message = explain(error, "connect failed")
                self._metrics.connected(code)
                raise ConnectRefused(code, message) from None
        self._metrics.connected("ok")

    def _require_open(self) -> None:
        if self.draining:
            raise LimitError("This server is closing; connect again.", code="draining")

    def _disconnected(self, sid: str, reason: str) -> None:
        self._metrics.disconnected(reason)
        self._watchers.leave(sid)
        self.answers.leave(sid)
        self._door.leave(sid)

    async def _refresh(self, connected: Connected, payload: Any) -> dict[str, Any]:
        """`auth:refresh`: go on with a newer token of the same subject."""
        await self._door.refresh(connected, parse(payload, RefreshToken).token)
        if not connected.identity.admin:
            self._watchers.leave(connected.sid)
        return {"expiresAt": _moment(connected.identity.expires_at)}

    def _expiring(self, sid: str) -> None:
        connected = self._audience.get(sid)
        if connected is not None:
            told = Expiring(expires_at=_moment(connected.identity.expires_at))
            self._server.push(sid, "auth:expiring", told.payload())

    def _expired(self, sid: str) -> None:
        self._server.push(sid, "auth:expired", Expired().payload())
        self._server.end(sid, "token_expired")


def _moment(seconds: float) -> str:
    return iso_utc(dt.datetime.fromtimestamp(seconds, dt.UTC))
