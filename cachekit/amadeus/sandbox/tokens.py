"""The access tokens of a sandbox: granted, approved for a while, then expired or revoked."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cachekit.amadeus.sandbox.issues import Issue, Refusal

__all__ = ["Token", "TokenState", "Tokens"]

TokenState = Literal["approved", "expired", "revoked"]

MOST_TOKENS: Final = 1_000
"""Tokens remembered; the oldest are forgotten, and then count as invalid and not as expired."""

_REFUSALS: Final = {"expired": 38192, "revoked": 38193}


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it stands now. `seconds_left` is 0 once it is good for nothing."""

    value: str
    state: TokenState
    seconds_left: int


class Tokens:
    """Every token of one sandbox. A token is known until it is forgotten, good only while approved.

    Args:
        now: the sandbox's time.
        lifetime: seconds a token is good for; tokens granted already keep theirs when it changes.
    """

    def __init__(self, now: Callable[[], datetime], lifetime: int) -> None:
        self._now = now
        self.lifetime = lifetime
        self._ends: dict[str, datetime] = {}
        self._revoked: set[str] = set()

    def grant(self) -> Token:
        """A new token, good for `lifetime` seconds."""
        value = secrets.token_urlsafe(21)
        self._ends[value] = self._now() + timedelta(seconds=self.lifetime)
        while len(self._ends) > MOST_TOKENS:
            oldest = next(iter(self._ends))
            del self._ends[oldest]
            self._revoked.discard(oldest)
        return Token(value, "approved", self.lifetime)

    def find(self, value: str) -> Token | None:
        """The token as it stands now, or None if it is unknown."""
        ends = self._ends.get(value)
        if ends is None:
            return None
        if value in self._revoked:
            return Token(value, "revoked", 0)
        # Rounded up: a token with half a second left is still approved, and says so.
        left = -int((self._now() - ends) // timedelta(seconds=1))
        return Token(value, "approved", left) if left > 0 else Token(value, "expired", 0)

    def expire(self) -> int:
        """Let all tokens expire now; returns how many there were."""
        self._ends = dict.fromkeys(self._ends, self._now())
        return len(self._ends)

    def revoke(self) -> int:
        """Revoke all tokens; returns how many there were."""
        self._revoked = set(self._ends)
        return len(self._ends)

    def check(self, authorization: str | None) -> None:
        """Raise a Refusal unless the header holds a token that is approved."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme != "Bearer" or not value.strip():
            detail = "Missing or invalid format for mandatory Authorization header"
            raise Refusal([Issue(38191, detail)])
        token = self.find(value.strip())
        state = token.state if token else "invalid"
        if state != "approved":
            detail = f"The access token provided in the Authorization header is {state}"
            raise Refusal([Issue(_REFUSALS.get(state, 38190), detail)])
