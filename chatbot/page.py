"""The page and what it asks for before it connects: its files, the configuration and the demo's login."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from chatbot.auth import TokenIssuer
from chatbot.body import read_body
from chatbot.errors import InvalidMessage
from chatbot.models.protocol import ChatModel

DIST: Final = Path(__file__).parent / "web" / "dist"
"""Where the page's build puts its files, also in the wheel."""

ASSETS: Final = "/assets"

_DEMO_NAME: Final = re.compile(r"[a-z0-9_-]{1,32}")
_MAX_LOGIN: Final = 1_024
"""Bytes of a login: the longest name fits, however it is escaped."""
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load, and from where: its own files, and nothing that stands in the page itself."""
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class _Login(msgspec.Struct, forbid_unknown_fields=True):
    user: str


def page_routes(model: ChatModel, issuer: TokenIssuer | None, *, dist: Path = DIST) -> web.RouteTableDef:
    """The routes of the page. With `issuer`, anybody may sign in under a name of their choice (the demo)."""
    routes = web.RouteTableDef()

    @routes.get("/config")
    async def config(_request: web.Request) -> web.Response:
        """What the page has to know before it connects."""
        return web.json_response(
            {"demo": issuer is not None, "model": {"name": model.name, "offline": model.offline}},
            headers={"Cache-Control": "no-store"},
        )

    if issuer is not None:

        @routes.post("/demo/login")
        async def login(request: web.Request) -> web.Response:
            """A token for `{"user": name}`; 400 for a name that is none."""
            try:
                user = msgspec.json.decode(await read_body(request, most=_MAX_LOGIN), type=_Login).user
            except (InvalidMessage, msgspec.MsgspecError, UnicodeDecodeError):
                user = ""
            if not _DEMO_NAME.fullmatch(user):
                message = 'Send {"user": name} with a name of 1 to 32 characters of a-z 0-9 - _.'
                error = {"code": "invalid_user", "message": message}
                return web.json_response({"error": error}, status=400)
            body = {"token": issuer.issue(user), "userId": user}
            return web.json_response(body, headers={"Cache-Control": "no-store"})

    @routes.get("/")
    async def index(_request: web.Request) -> web.StreamResponse:
        """The page itself."""
        if not (dist / "index.html").exists():
            return web.Response(status=503, text="The page has not been built; run `make page`.\n")
        # Its assets carry their hash in their names; the page itself must be asked for each time.
        return web.FileResponse(dist / "index.html", headers={**_HEADERS, "Cache-Control": "no-cache"})

    if (dist / "assets").is_dir():
        routes.static(ASSETS, dist / "assets")
    return routes


async def add_asset_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Let browsers keep the page's assets: their names change with their content. A signal handler."""
    if request.path.startswith(ASSETS):
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.status == HTTPStatus.OK:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
