"""What a token says once it is believed: who, from when, until when."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chatbot.errors import AuthError

LEEWAY: Final = 10
"""Seconds by which the clocks of issuer and gateway may differ."""
LONGEST_LIFE: Final = 86_400.0
"""Seconds from its `iat` for which a token is good at most, whatever its `exp` says, unless set otherwise."""

_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
"""What a subject or a token id may be: they become parts of keys and of log lines."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for. Times are epoch seconds."""

    user_id: str
    expires_at: float
    """When the token ends, the leeway included."""
    issued_at: float
    token_id: str | None = None
    """The token's `jti`."""
    admin: bool = False

    def is_revoked_by(
        self, *, token_id: str | None = None, user_id: str | None = None, before: float | None = None
    ) -> bool:
        """Whether a revocation is about this token: by its id, or as one of its user's up to `before`.

        `before` is in epoch seconds; None stands for all of them. A token's `iat` is in whole seconds, so
        one issued in the very second of `before` is taken for an older one.
        """
        if token_id is not None and self.token_id == token_id:
            return True
        return (
            user_id is not None and self.user_id == user_id and (before is None or self.issued_at <= before)
        )


def identity_from(claims: Mapping[str, Any], *, admin_role: str, longest_life: float) -> Identity:
    """Who the checked claims speak for; `longest_life` is in seconds.

    Raises:
        AuthError: `token_invalid` for a claim of the wrong shape, `token_expired` for a token older than
            `longest_life`.
    """
    issued_at, ends_at = _seconds(claims, "iat"), _seconds(claims, "exp")
    token_id = claims.get("jti")
    identity = Identity(
        user_id=_name(claims["sub"], "subject"),
        expires_at=float(min(ends_at, issued_at + longest_life)) + LEEWAY,
        issued_at=float(issued_at),
        token_id=None if token_id is None else _name(token_id, "id"),
        admin=admin_role in _roles(claims.get("roles")),
    )
    if time.time() >= identity.expires_at:
        raise AuthError("The token has expired; sign in again.", code="token_expired")
    return identity


def _seconds(claims: Mapping[str, Any], claim: str) -> float:
    value = claims[claim]
    # JWT libraries take "1" and true for numbers; RFC 7519 section 2 does not.
    if type(value) not in {int, float} or value < 0:
        raise AuthError(f"The token's claim {claim!r} must be a number of seconds.")
    return value  # type: ignore[no-any-return]


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise AuthError(f"The token's {what} must be 1 to 256 characters, none of them a control character.")
    return value


def _roles(value: object) -> list[object]:
    """The roles of a list, or of text with spaces between them; anything else names none."""
    if isinstance(value, str):
        return list(value.split())
    return value if isinstance(value, list) else []
