"""The OAuth 2.0 access token (client credentials grant, RFC 6749 section 4.4), as its endpoint gives it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cachekit.amadeus.client.exchange import Document, Wire, read_document

__all__ = ["OWN_FIELDS", "Token", "TokenEndpoint", "has_token"]

RENEW_EARLY: Final = 60.0
"""Seconds before its expiry at which a token is no longer used, so that none expires on its way."""

RENEW_EARLY_SHARE: Final = 0.1
"""The same as a share of the lifetime, for tokens so short-lived that a minute is all they have."""


OWN_FIELDS: Final = ("client_id", "client_secret", "grant_type")
"""Form fields that no further one may stand for."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and for how many seconds from now it is to be used; not positive: this once.

    `borrowed`: another process has fetched it, maybe long ago.
    """

    value: str = field(repr=False)
    good_for: float
    borrowed: bool = False


class TokenEndpoint:
    """Where the tokens of one set of credentials come from.

    Args:
        wire: what it is asked over.
        url: the token endpoint.
        client_id, client_secret: the credentials.
        extra_fields: further form fields, such as `guest_office_id`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        wire: Wire,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        extra_fields: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._url = url
        self._secrets = (client_secret, *extra_fields.values())
        self._form = {
            **extra_fields,
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._clock = clock

    def __repr__(self) -> str:
        return f"TokenEndpoint(url={self._url!r}, client_id={self._form['client_id']!r})"

    async def fetch(self) -> Token:
        """A new token; its lifetime counts from when it was asked for, the safe side.

        Raises:
            AmadeusError: the credentials are refused, the endpoint fails, or what it says is no token.
        """
        asked_at = self._clock()
        request = self._wire.http.build_request(
            "POST", self._url, data=self._form, headers={"Accept": "application/json"}
        )
        answer = await self._wire.send(request)
        document = read_document(answer, secrets=self._secrets, complaint=has_token)
        lifetime = float(document["expires_in"])
        early = min(RENEW_EARLY, lifetime * RENEW_EARLY_SHARE)
        return Token(document["access_token"], asked_at + lifetime - early - self._clock())


def has_token(document: Document) -> str | None:
    """What is wrong with the endpoint's reply: it holds a token fit for a header, and how long it is good."""
    value, lifetime = document.get("access_token"), document.get("expires_in")
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        return "has no access_token of printable ASCII without spaces"
    try:
        good = not isinstance(lifetime, bool) and 0 < float(lifetime or 0) < float("inf")
    except (TypeError, ValueError):
        good = False
    return None if good else "has no expires_in that is a positive number of seconds"
