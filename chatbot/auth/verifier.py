"""Whether to believe a token.

Follows RFC 8725 (JSON Web Token Best Current Practices): one pinned family of algorithms, required claims,
a least key length, and no key material taken from the token's own header.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypedDict, Unpack

import jwt
from jwt.utils import base64url_decode

from chatbot.auth.identity import LEEWAY, LONGEST_LIFE, Identity, identity_from
from chatbot.auth.jwks import JwksKeys
from chatbot.auth.keyset import FAMILIES
from chatbot.auth.secret import ALGORITHM, Secret
from chatbot.errors import AuthError, SettingsError

MAX_TOKEN_BYTES: Final = 8_192
MAX_KEY_ID: Final = 256
"""Characters of a `kid` that are looked up."""

_REQUIRED: Final = ("exp", "iat", "sub")
_INVALID: Final = "The token is not valid here."
"""Said of every forgery: which check failed is of use to forgers only."""


class KeySource(Protocol):
    """Where a verifier gets the key that a token must be signed with."""

    async def find(self, kid: str | None, algorithm: str) -> Any | None:
        """The key of that id for that algorithm; None if there is none.

        Raises AuthError `unavailable` if nobody knows right now.
        """
        ...


class Rules(TypedDict, total=False):
    """What a token must say beside its signature; see `TokenVerifier`."""

    audience: str | None
    issuer: str | None
    type: str | None
    admin_role: str
    longest_life: float


class TokenVerifier:
    """Checks tokens against keys that are ours to choose. Its repr shows nothing of them.

    Made by `with_secret` or `with_jwks`, which share these rules:

    Args:
        audience, issuer: tokens must carry that `aud` or `iss`. Without an audience of ours, a token made
            for somebody else's is none of ours either.
        type: the `typ` that the token's header must have, e.g. "at+jwt" (RFC 9068).
        admin_role: whose claim `roles`, a list or text with spaces, holds it, is an admin.
        longest_life: seconds from its `iat` after which a token has expired, whatever its `exp` says.
            `Revocations` needs the same number.
    """

    __slots__ = ("_admin_role", "_algorithms", "_checks", "_keys", "_longest_life", "_type")

    def __init__(
        self,
        keys: KeySource,
        *,
        algorithms: Sequence[str],
        audience: str | None = None,
        issuer: str | None = None,
        type: str | None = None,  # noqa: A002
        admin_role: str = "admin",
        longest_life: float = LONGEST_LIFE,
    ) -> None:
        self._keys = keys
        self._algorithms = list(algorithms)
        self._type = None if type is None else _media_type(type)
        self._admin_role = admin_role
        self._longest_life = longest_life
        required = [*_REQUIRED, *(["aud"] if audience else []), *(["iss"] if issuer else [])]
        self._checks: dict[str, Any] = {
            "algorithms": self._algorithms,
            "audience": audience,
            "issuer": issuer,
            "leeway": LEEWAY,
            "options": {"require": required, "verify_aud": True},
        }

    @classmethod
    def with_secret(cls, secret: str, **rules: Unpack[Rules]) -> "TokenVerifier":
        """Tokens signed by HS256 with a secret that the issuer shares with us.

        Raises:
            SettingsError: the secret is shorter than 32 bytes, too plain, or a PEM or SSH key.
        """
        return cls(Secret(secret), algorithms=[ALGORITHM], **rules)

    @classmethod
    def with_jwks(
        cls, keys: JwksKeys, *, algorithms: Sequence[str] = ("RS256",), **rules: Unpack[Rules]
    ) -> "TokenVerifier":
        """Tokens signed with one of the keys that their issuer publishes.

        Raises:
            SettingsError: the algorithms are not all of one family.
        """
        if not any(algorithms and set(algorithms) <= set(family) for family in FAMILIES):
            allowed = "; ".join(", ".join(family) for family in FAMILIES)
            raise SettingsError(f"the JWT algorithms must all be of one of these families: {allowed}")
        return cls(keys, algorithms=algorithms, **rules)

    async def verify(self, token: object) -> Identity:
        """Who the token speaks for.

        Raises:
            AuthError: `token_missing`, `token_expired`, `unavailable` if the issuer's keys could not be had,
                or `token_invalid` for everything else; the text shows nothing of the token.
        """
        if token is None or token == "":
            raise AuthError("Sign in first: the connection carried no token.", code="token_missing")
        if not isinstance(token, str) or len(token.encode(errors="replace")) > MAX_TOKEN_BYTES:
            raise AuthError(f"The token must be a string of at most {MAX_TOKEN_BYTES} bytes.")
        key = await self._keys.find(*self._read_header(token))
        if key is None:
            raise AuthError(_INVALID)
        return identity_from(
            self._claims(token, key), admin_role=self._admin_role, longest_life=self._longest_life
        )

    def _read_header(self, token: str) -> tuple[str | None, str]:
        """The id and algorithm of the key that the token names; nothing else in its header is looked at.

        Both are checked before any key is asked for, so that no forgery sends us to the issuer.
        """
        try:
            header = _read_object(base64url_decode(token.partition(".")[0]))
        except ValueError:
            raise AuthError(_INVALID) from None
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self._algorithms:
            raise AuthError(_INVALID)
        if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KEY_ID):
            raise AuthError(_INVALID)
        if self._type is not None and _media_type(header.get("typ")) != self._type:
            raise AuthError(_INVALID)
        return kid, algorithm

    def _claims(self, token: str, key: Any) -> dict[str, Any]:
        try:
            return _TOKENS.decode(token, key, **self._checks)
        except jwt.ExpiredSignatureError:
            raise AuthError("The token has expired; sign in again.", code="token_expired") from None
        except jwt.MissingRequiredClaimError as error:
            raise AuthError(f"The token lacks the claim {error.claim!r}.") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise AuthError(_INVALID) from None


class _StrictTokens(jwt.PyJWT):
    """Reads payloads as RFC 7519 section 4 asks of the strict: UTF-8, and no claim twice."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        try:
            return _read_object(decoded["payload"])
        except ValueError:
            raise jwt.DecodeError from None


_TOKENS: Final = _StrictTokens()


def _read_object(text: bytes) -> dict[str, Any]:
    """The JSON object; raises ValueError for what is none, or has a member twice."""
    try:
        found = json.loads(text.decode(), object_pairs_hook=_once)
    except RecursionError:
        raise ValueError from None
    if not isinstance(found, dict):
        raise ValueError  # noqa: TRY004 - not our caller's mistake
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _media_type(value: object) -> str | None:
    """RFC 7515 section 4.1.9: case does not matter, and "application/" may be left out."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else None
