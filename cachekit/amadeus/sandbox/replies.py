"""Answers as the wire wants them: JSON bytes and a bare content type."""

from typing import Any, Final

import msgspec
from aiohttp import web

from cachekit.amadeus.sandbox.issues import Refusal

__all__ = ["DATA_TYPE", "TOKEN_TYPE", "data_reply", "refusal_reply", "token_reply"]

# The official SDK compares the whole header, so no charset may follow.
DATA_TYPE: Final = "application/vnd.amadeus+json"
TOKEN_TYPE: Final = "application/json"  # noqa: S105 - a media type


def data_reply(document: dict[str, Any], *, status: int = 200) -> web.Response:
    """A document of the data paths."""
    return web.Response(body=msgspec.json.encode(document), status=status, content_type=DATA_TYPE)


def refusal_reply(refusal: Refusal) -> web.Response:
    """The error document of a refusal, with its status."""
    return data_reply(refusal.document(), status=refusal.status)


def token_reply(document: dict[str, Any], *, status: int = 200) -> web.Response:
    """A document of the token path."""
    return web.Response(body=msgspec.json.encode(document), status=status, content_type=TOKEN_TYPE)
