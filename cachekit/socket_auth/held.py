"""One socket that this process holds: its own copy of what Redis should know."""

import datetime as dt
from dataclasses import dataclass

from cachekit.socket_auth.record import SocketAuth


@dataclass(slots=True, eq=False)
class Held:
    """A socket of this process. Written by its keeper alone."""

    user_id: str
    session_id: str | None = None
    connected_at: dt.datetime | None = None
    """None until it is registered."""
    renewed_at: float = 0.0
    """When Redis was last told of it, by the clock's `monotonic`."""
    writing: int = 0
    """How many writes of it are under way. It is removed after they have ended, or it might come back."""

    def auth(self, now: dt.datetime) -> SocketAuth:
        """The record to register it with again."""
        return SocketAuth(
            user_id=self.user_id,
            session_id=self.session_id,
            connected_at=self.connected_at or now,
            last_activity=now,
        )
