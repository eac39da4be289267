"""Tokens for the demo, where no identity provider is at hand."""

import secrets
import time
from collections.abc import Iterable

import jwt

from chatbot.auth.secret import ALGORITHM, Secret


class TokenIssuer:
    """Signs tokens that a verifier with the same secret, audience, issuer and type accepts.

    Its repr shows nothing of the secret.
    """

    __slots__ = ("_fixed", "_header", "_lifetime", "_secret")

    def __init__(
        self,
        secret: str,
        *,
        lifetime: float,
        audience: str | None = None,
        issuer: str | None = None,
        type: str | None = None,  # noqa: A002
    ) -> None:
        """`lifetime` is in seconds. Raises SettingsError as `TokenVerifier.with_secret`."""
        self._secret = Secret(secret)
        self._lifetime = lifetime
        given = {"aud": audience, "iss": issuer}
        self._fixed = {claim: value for claim, value in given.items() if value is not None}
        self._header = {} if type is None else {"typ": type}

    def issue(self, user_id: str, *, roles: Iterable[str] = ()) -> str:
        """A token for `user_id`, valid from now on, with an id of its own by which it can be revoked."""
        now = int(time.time())
        claims = {
            **self._fixed,
            "sub": user_id,
            "iat": now,
            "exp": now + int(self._lifetime),
            "jti": secrets.token_urlsafe(12),
            "roles": list(roles),
        }
        return jwt.encode(claims, self._secret.value, algorithm=ALGORITHM, headers=self._header)
