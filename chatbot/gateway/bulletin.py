"""What other instances have to say, passed on to the sockets of this one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chatbot.answers import Answers
from chatbot.auth import Revocations
from chatbot.bus import (
    Bus,
    DisconnectUser,
    Notice,
    Revoked,
    SessionDeleted,
    SessionRenamed,
    UserMessage,
)
from chatbot.gateway.audience import Audience, Connected
from chatbot.messages import (
    Announcement,
    Deleted,
    Disconnected,
    Messaged,
    Noticed,
    Renamed,
    SignInRevoked,
)

Push = Callable[[Iterable[str], str, Mapping[str, Any]], object]
"""Sends one event to many sockets."""

End = Callable[[str, str], None]
"""Closes a socket, once what was sent to it before is out; the reason is one word."""


class Bulletin:
    """Reads the bus for the sockets of one instance."""

    def __init__(
        self,
        bus: Bus,
        audience: Audience,
        revocations: Revocations,
        answers: Answers,
        *,
        push: Push,
        end: End,
    ) -> None:
        self._audience = audience
        self._revocations = revocations
        self._answers = answers
        self._push = push
        self._end = end
        bus.on(Notice, self._notice)
        bus.on(UserMessage, self._message)
        bus.on(DisconnectUser, self._disconnect)
        bus.on(Revoked, self._hear_revoked)
        bus.on(SessionRenamed, self._renamed)
        bus.on(SessionDeleted, self._hear_deleted)
        bus.on_gap(self.look_again)

    async def look_again(self) -> None:
        """End the sockets whose sign-in was revoked while nothing could be heard."""
        revoked = await self._revocations.revoked({connected.identity for connected in self._audience})
        self._revoke([connected for connected in self._audience if connected.identity in revoked])

    def _notice(self, notice: Notice, _sender: str) -> None:
        told = Noticed(id=notice.id, level=notice.level, text=notice.text, at=notice.at)
        self._push([connected.sid for connected in self._audience], "server:notice", told.payload())

    def _message(self, message: UserMessage, _sender: str) -> None:
        told = Messaged(id=message.id, text=message.text, at=message.at)
        self._push(self._sids(message.user_id), "user:message", told.payload())

    def _disconnect(self, order: DisconnectUser, _sender: str) -> None:
        gone = list(self._audience.of_user(order.user_id))
        told = Disconnected(code="disconnected", message=order.reason)
        self._expel(gone, "server:disconnected", told, "disconnected")

    def _hear_revoked(self, revoked: Revoked, _sender: str) -> None:
        self._revocations.hear(token_id=revoked.token_id, user_id=revoked.user_id, before=revoked.before)
        about = self._audience if revoked.user_id is None else self._audience.of_user(revoked.user_id)
        self._revoke(
            [
                connected
                for connected in about
                if connected.identity.is_revoked_by(
                    token_id=revoked.token_id, user_id=revoked.user_id, before=revoked.before
                )
            ]
        )

    def _revoke(self, gone: list[Connected]) -> None:
        self._expel(gone, "auth:revoked", SignInRevoked(), "token_revoked")

    def _expel(self, gone: list[Connected], event: str, told: Announcement, code: str) -> None:
        for connected in gone:
            connected.refused = code
        sids = [connected.sid for connected in gone if connected.entered]
        self._push(sids, event, told.payload())
        for sid in sids:
            self._end(sid, code)

    def _renamed(self, renamed: SessionRenamed, _sender: str) -> None:
        told = Renamed(session_id=renamed.session_id, title=renamed.title)
        self._push(self._sids(renamed.user_id), "chat:renamed", told.payload())

    async def _hear_deleted(self, deleted: SessionDeleted, _sender: str) -> None:
        await self.deleted(deleted)

    async def deleted(self, deleted: SessionDeleted) -> None:
        """Take the sockets of this instance out of a session that is gone, and tell its user's."""
        for sid in self._audience.of_session(deleted.session_id):
            connected = self._audience.get(sid)
            if connected is not None:
                self._audience.move(connected, None)
        told = Deleted(session_id=deleted.session_id)
        self._push(self._sids(deleted.user_id), "chat:deleted", told.payload())
        await self._answers.forget(deleted.session_id, deleted.answer_ids)

    def _sids(self, user_id: str) -> list[str]:
        return [connected.sid for connected in self._audience.of_user(user_id)]
