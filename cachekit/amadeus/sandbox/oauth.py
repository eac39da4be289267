"""The token endpoint: one client, its tokens, and what is said of each."""

from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from cachekit.amadeus.sandbox.replies import token_reply
from cachekit.amadeus.sandbox.requests.bodies import read_content
from cachekit.amadeus.sandbox.state import SandboxState
from cachekit.amadeus.sandbox.tokens import Token

__all__ = ["TokenDesk"]

FORM_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Grants tokens to the one client that the sandbox knows, and tells how a token stands."""

    client_id: str
    client_secret: str = field(repr=False)

    async def grant(self, request: web.Request, state: SandboxState) -> web.Response:
        """A new token, or what is wrong with the form. Fields beyond the three are passed over."""
        form = await _read_form(request)
        if form.get("grant_type") != "client_credentials":
            description = "Only client_credentials value is allowed for the body parameter grant_type"
            return _refused(400, "unsupported_grant_type", description)
        if not self._knows(form.get("client_id"), form.get("client_secret")):
            return _refused(401, "invalid_client", "Client credentials are invalid")
        return token_reply(self._document(state.tokens.grant()))

    async def tell(self, request: web.Request, state: SandboxState) -> web.Response:
        """How the token in the path stands; 404 for one that was never granted."""
        token = state.tokens.find(request.match_info["token"])
        if token is None:
            return _refused(404, "invalid_request", "The access token is unknown")
        return token_reply(self._document(token))

    def _knows(self, client_id: str | None, client_secret: str | None) -> bool:
        given = f"{client_id}\n{client_secret}".encode()
        return compare_digest(given, f"{self.client_id}\n{self.client_secret}".encode())

    def _document(self, token: Token) -> dict[str, Any]:
        return {
            "type": "amadeusOAuth2Token",
            "username": "sandbox@example.com",
            "application_name": "Sandbox",
            "client_id": self.client_id,
            "token_type": "Bearer",
            "access_token": token.value,
            "expires_in": token.seconds_left,
            "state": token.state,
            "scope": "",
        }


async def _read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form; none of a body of another type."""
    if request.content_type != FORM_TYPE:
        return {}
    content = await read_content(request)
    return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))


def _refused(status: int, error: str, description: str) -> web.Response:
    document = {
        "error": error,
        "error_description": description,
        "code": 38187,
        "title": "Invalid parameters",
    }
    return token_reply(document, status=status)
