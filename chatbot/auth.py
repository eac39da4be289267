"""Who is connecting: a JSON Web Token, checked at the handshake.

Follows RFC 8725 (JSON Web Token Best Current Practices): one pinned algorithm, required claims, a least
key length, and no key material taken from the token's own header.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

import jwt

from chatbot.errors import AuthError, SettingsError

ALGORITHM: Final = "HS256"
LEAST_SECRET_BYTES: Final = 32
"""RFC 7518 section 3.2: a key at least as long as the hash."""
MAX_TOKEN_BYTES: Final = 8_192
LEEWAY: Final = 10
"""Seconds by which the clocks of issuer and gateway may differ."""

_REQUIRED: Final = ("exp", "iat", "sub")
_MAX_SUBJECT: Final = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, and until when (epoch seconds, the leeway included)."""

    user_id: str
    expires_at: float


class TokenVerifier:
    """Checks HS256 tokens against one secret. Its repr shows nothing of the secret.

    With `audience` or `issuer` given, tokens must carry that `aud` or `iss`.

    Raises:
        SettingsError: the secret is shorter than 32 bytes.
    """

    __slots__ = ("_audience", "_issuer", "_secret")

    def __init__(self, secret: str, *, audience: str | None = None, issuer: str | None = None) -> None:
        self._secret = _require_strong(secret)
        self._audience = audience
        self._issuer = issuer

    def verify(self, token: object) -> Identity:
        """Who the token speaks for.

        Raises:
            AuthError: `token_missing`, `token_expired`, or `token_invalid` for everything else; the text
                says what is wrong and shows nothing of the token.
        """
        if token is None or token == "":
            raise AuthError("Sign in first: the connection carried no token.", code="token_missing")
        if not isinstance(token, str) or len(token.encode(errors="replace")) > MAX_TOKEN_BYTES:
            raise AuthError(f"The token must be a string of at most {MAX_TOKEN_BYTES} bytes.")
        claims = self._claims(token)
        subject = claims["sub"]
        if not subject or len(subject) > _MAX_SUBJECT:
            raise AuthError(f"The token's subject must be 1 to {_MAX_SUBJECT} characters.")
        return Identity(user_id=subject, expires_at=float(claims["exp"]) + LEEWAY)

    def _claims(self, token: str) -> dict[str, Any]:
        required = [*_REQUIRED, *(["aud"] if self._audience else []), *(["iss"] if self._issuer else [])]
        try:
            return jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                # Without an audience of ours, a token made for somebody else's is none of ours either.
                options={"require": required, "verify_aud": True},
            )
        except jwt.ExpiredSignatureError:
            raise AuthError("The token has expired; sign in again.", code="token_expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise AuthError(f"The token lacks the claim {error.claim!r}.") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            # Which check failed is of use to forgers only.
            raise AuthError("The token is not valid here.") from None


class TokenIssuer:
    """Makes tokens for the demo, where no identity provider is at hand."""

    __slots__ = ("_lifetime", "_secret")

    def __init__(self, secret: str, *, lifetime: float) -> None:
        """`lifetime` is in seconds."""
        self._secret = _require_strong(secret)
        self._lifetime = lifetime

    def issue(self, user_id: str) -> str:
        """A token for `user_id`, valid from now on."""
        now = int(time.time())
        claims = {"sub": user_id, "iat": now, "exp": now + int(self._lifetime)}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)


def _require_strong(secret: str) -> str:
    if len(secret.encode()) < LEAST_SECRET_BYTES:
        raise SettingsError(f"the JWT secret must be at least {LEAST_SECRET_BYTES} bytes long")
    return secret
