"""Who is connected here: the sockets of this instance, found by user and by session."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chatbot.auth import Identity


@dataclass(slots=True, eq=False)
class Connected:
    """One socket of this instance: all that is needed to answer it without asking Redis who it is."""

    sid: str
    identity: Identity
    address: str = ""
    """Where it comes from, as far as that is known."""
    session_id: str | None = None
    refused: str | None = None
    """The code with which to end it, if that was found out before it was let in."""
    entered: bool = False

    @property
    def user_id(self) -> str:
        """Whose it is."""
        return self.identity.user_id


class Audience:
    """The sockets of this instance. A change costs the socket's own entries, at most three."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Connected] = {}
        self._by_user: defaultdict[str, dict[str, Connected]] = defaultdict(dict)
        self._by_session: defaultdict[str, dict[str, Connected]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._by_sid)

    def __iter__(self) -> Iterator[Connected]:
        return iter(list(self._by_sid.values()))

    def add(self, connected: Connected) -> None:
        """A socket that comes in, or is about to."""
        self._by_sid[connected.sid] = connected
        self._by_user[connected.user_id][connected.sid] = connected

    def get(self, sid: str) -> Connected | None:
        """The socket, if it is here."""
        return self._by_sid.get(sid)

    def move(self, connected: Connected, session_id: str | None) -> None:
        """The socket is in another session from now on, or in none."""
        _take_out(self._by_session, connected.session_id, connected.sid)
        connected.session_id = session_id
        if session_id is not None and connected.sid in self._by_sid:
            self._by_session[session_id][connected.sid] = connected

    def remove(self, sid: str) -> Connected | None:
        """The socket that has gone, if it was here."""
        connected = self._by_sid.pop(sid, None)
        if connected is not None:
            _take_out(self._by_user, connected.user_id, sid)
            _take_out(self._by_session, connected.session_id, sid)
        return connected

    def of_user(self, user_id: str) -> Collection[Connected]:
        """A user's sockets."""
        return tuple(self._by_user.get(user_id, {}).values())

    def of_session(self, session_id: str) -> Collection[str]:
        """The ids of the sockets that have started a session."""
        return tuple(self._by_session.get(session_id, ()))

    def users(self) -> int:
        """How many users there are."""
        return len(self._by_user)


def _take_out(index: dict[str, dict[str, Connected]], name: str | None, sid: str) -> None:
    entries = None if name is None else index.get(name)
    if name is not None and entries is not None:
        entries.pop(sid, None)
        if not entries:
            del index[name]
