"""What admins can see and do over HTTP, on whichever instance answers; all instances hear of it.

| request                               | body                      | answer                   |
|---------------------------------------|---------------------------|--------------------------|
| `GET /admin/stats?minutes=15`         |                           | 200, `chatbot.analytics` |
| `POST /admin/notices`                 | `{text, level?}`          | 202 `{id}`               |
| `POST /admin/users/{user}/messages`   | `{text}`                  | 202 `{id}`               |
| `POST /admin/users/{user}/disconnect` | `{reason?}`               | 202 `{}`                 |
| `POST /admin/revocations`             | `{tokenId}` or `{userId}` | 202 `{}`                 |

Each carries `Authorization: Bearer <token>` of an admin. Errors are `{"error": {"code", "message"}}`.
"""

import datetime as dt
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar

import msgspec
from aiohttp import web

from cachekit.core.codec import iso_utc
from chatbot.analytics import Analytics
from chatbot.auth import Identity
from chatbot.body import read_body
from chatbot.bus import Bus, BusMessage, DisconnectUser, Notice, Revoked, UserMessage
from chatbot.errors import AuthError, InvalidMessage, explain

logger = logging.getLogger(__name__)

MAX_TEXT: Final = 4_000
"""The longest notice or message, in characters."""

MAX_ID: Final = 256
"""The longest id of a user or a token, in characters."""

MAX_BODY: Final = 64 * 1024
"""Bytes of a request: the longest text fits, however it is escaped."""

_STATUS: Final = {
    "invalid_message": 400,
    "token_missing": 401,
    "token_invalid": 401,
    "token_expired": 401,
    "token_revoked": 401,
    "forbidden": 403,
    "too_slow": 408,
    "too_large": 413,
    "unavailable": 503,
}
_BEARER: Final = "bearer "

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT, pattern=r"\S")]
AnyId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]


class Verifier(Protocol):
    """Says who a token speaks for."""

    async def verify(self, token: object) -> Identity:
        """Raises AuthError for a token that does not let its bearer in."""
        ...


class RevocationStore(Protocol):
    """Where revocations are kept, for whoever comes later."""

    async def require_valid(self, identity: Identity) -> None:
        """Raises AuthError for a revoked token, CacheUnavailable if nobody can tell."""
        ...

    async def revoke_token(self, token_id: str, *, expires_at: float | None = None) -> None:
        """Raises CacheUnavailable."""
        ...

    async def revoke_user(self, user_id: str, *, before: float | None = None) -> float:
        """All that was issued before, in epoch seconds; that moment. Raises CacheUnavailable."""
        ...


class NewText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A message to one user: 1 to 4,000 characters, not just blanks."""

    text: Text


class NewNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A notice to everybody."""

    text: Text
    level: Literal["info", "warning"] = "info"


class NewDisconnect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The end of a user's sockets; the reason is shown to the user."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "Disconnected by an administrator."


class NewRevocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Exactly one of a token's `jti` and a user, whose tokens issued so far are meant."""

    token_id: AnyId | None = None
    user_id: AnyId | None = None


T = TypeVar("T", NewText, NewNotice, NewDisconnect, NewRevocation)
Action = Callable[[web.Request], Awaitable[web.Response]]


class Admin:
    """The handlers, each behind the check of the token."""

    def __init__(
        self, verifier: Verifier, revocations: RevocationStore, bus: Bus, analytics: Analytics
    ) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._bus = bus
        self._analytics = analytics

    def guarded(self, action: Action) -> Action:
        """The action, for admins only, with its errors as JSON."""

        async def respond(request: web.Request) -> web.Response:
            try:
                identity = await self._identity(request)
                response = await action(request)
            except Exception as error:  # noqa: BLE001 - told to the client and to the log
                return _refusal(*explain(error, "an admin's request failed"))
            if request.method != "GET":
                # Who has done what, for later questions; to whom and with which words is not for the log.
                logger.info("admin %s: %s", identity.user_id, action.__name__)
            return response

        return respond

    async def stats(self, request: web.Request) -> web.Response:
        """The last minutes of all instances."""
        try:
            minutes = int(request.query.get("minutes", "15"))
            snapshot = await self._analytics.snapshot(minutes)
        except ValueError:
            raise InvalidMessage("minutes: a number from 1 to 60 is allowed") from None
        return _reply(msgspec.to_builtins(snapshot))

    async def notice(self, request: web.Request) -> web.Response:
        """Tell everybody something."""
        new = await _body(request, NewNotice)
        notice = Notice(id=_new_id(), level=new.level, text=new.text, at=self._now())
        return await self._publish(notice, id=notice.id)

    async def message(self, request: web.Request) -> web.Response:
        """Tell one user something, on all of their sockets."""
        new = await _body(request, NewText)
        message = UserMessage(user_id=_user(request), id=_new_id(), text=new.text, at=self._now())
        return await self._publish(message, id=message.id)

    async def disconnect(self, request: web.Request) -> web.Response:
        """End all sockets of one user; with a valid token they may come back."""
        new = await _body(request, NewDisconnect)
        return await self._publish(DisconnectUser(user_id=_user(request), reason=new.reason))

    async def revoke(self, request: web.Request) -> web.Response:
        """Let a token, or all of a user's, let nobody in any more; sockets that came with them end."""
        new = await _body(request, NewRevocation)
        # Kept first: who connects while the message is under way must be refused as well.
        if new.token_id is not None and new.user_id is None:
            await self._revocations.revoke_token(new.token_id)
            return await self._publish(Revoked(token_id=new.token_id))
        if new.user_id is not None and new.token_id is None:
            before = await self._revocations.revoke_user(new.user_id)
            return await self._publish(Revoked(user_id=new.user_id, before=before))
        raise InvalidMessage("exactly one of tokenId and userId is allowed")

    async def _identity(self, request: web.Request) -> Identity:
        given = request.headers.get("Authorization", "")
        token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else None
        identity = await self._verifier.verify(token)
        if not identity.admin:
            raise AuthError("Only an admin may do this.", code="forbidden")
        await self._revocations.require_valid(identity)
        return identity

    async def _publish(self, message: BusMessage, **answer: Any) -> web.Response:
        await self._bus.publish(message)
        return _reply(answer, status=202)

    def _now(self) -> str:
        return iso_utc(dt.datetime.now(dt.UTC))


def admin_routes(
    verifier: Verifier, revocations: RevocationStore, bus: Bus, analytics: Analytics
) -> list[web.RouteDef]:
    """The routes under `/admin`."""
    admin = Admin(verifier, revocations, bus, analytics)
    return [
        web.get("/admin/stats", admin.guarded(admin.stats)),
        web.post("/admin/notices", admin.guarded(admin.notice)),
        web.post("/admin/users/{user}/messages", admin.guarded(admin.message)),
        web.post("/admin/users/{user}/disconnect", admin.guarded(admin.disconnect)),
        web.post("/admin/revocations", admin.guarded(admin.revoke)),
    ]


async def _body(request: web.Request, kind: type[T]) -> T:
    body = await read_body(request, most=MAX_BODY)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except UnicodeDecodeError:
        raise InvalidMessage(f"{kind.__name__}: the body must be UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidMessage(f"{kind.__name__}: {error}") from None


def _user(request: web.Request) -> str:
    user: str = request.match_info["user"]
    if not 0 < len(user) <= MAX_ID:
        raise InvalidMessage(f"user: 1 to {MAX_ID} characters are allowed")
    return user


def _new_id() -> str:
    return secrets.token_urlsafe(12)


def _refusal(code: str, message: str) -> web.Response:
    response = _reply({"error": {"code": code, "message": message}}, status=_STATUS.get(code, 500))
    if response.status == web.HTTPUnauthorized.status_code:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _reply(body: Any, *, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
