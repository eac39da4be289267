"""Which tokens count no longer, as far as this process knows."""

from typing import Final

from chatbot.auth.identity import Identity

MOST_KNOWN: Final = 100_000
"""Revocations held in one process; beyond these the oldest are left to Redis alone."""


class RevocationList:
    """Revocations in this process's memory, each until the last token it is about has ended.

    All times are epoch seconds, `now` included.
    """

    __slots__ = ("_most", "tokens", "users")

    def __init__(self, *, most: int = MOST_KNOWN) -> None:
        self._most = most
        self.tokens: dict[str, float] = {}
        """Until when each token id matters."""
        self.users: dict[str, tuple[float, float]] = {}
        """Up to when each user's tokens are revoked, and until when that matters."""

    def add_token(self, token_id: str, *, until: float, now: float) -> None:
        """Note that a token is revoked."""
        self.tokens[token_id] = max(until, self.tokens.pop(token_id, until))
        self._bound(now)

    def add_user(self, user_id: str, *, before: float, until: float, now: float) -> None:
        """Note that a user's tokens are revoked up to `before`; the latest such moment holds."""
        known = self.users.pop(user_id, (before, until))
        self.users[user_id] = max(known, (before, until))
        self._bound(now)

    def covers(self, identity: Identity) -> bool:
        """Whether one of the revocations is about this identity."""
        if identity.token_id is not None and identity.token_id in self.tokens:
            return True
        known = self.users.get(identity.user_id)
        return known is not None and identity.is_revoked_by(user_id=identity.user_id, before=known[0])

    def forget_old(self, now: float) -> None:
        """Drop what no living token can be about."""
        self.tokens = {token: until for token, until in self.tokens.items() if until > now}
        self.users = {user: known for user, known in self.users.items() if known[1] > now}

    def _bound(self, now: float) -> None:
        if len(self.tokens) + len(self.users) <= self._most:
            return
        self.forget_old(now)
        # A tenth at once, so that this is not done for each; tokens before users, who may hold many.
        room = self._most - self._most // 10
        for held in (self.tokens, self.users):
            for name in list(held)[: max(0, len(self.tokens) + len(self.users) - room)]:
                del held[name]
