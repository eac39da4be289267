"""The body of a request, bounded in size and in time."""

import asyncio
from typing import Final

from aiohttp import web

from chatbot.errors import InvalidMessage

SECONDS: Final = 10.0
"""How long a client may take to send a body."""


async def read_body(request: web.Request, *, most: int) -> bytes:
    """The body, of at most `most` bytes.

    Raises:
        InvalidMessage: `too_large`; `too_slow`: it took longer than 10 s, or the client has gone.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await request.clone(client_max_size=most).read()
    except web.HTTPRequestEntityTooLarge:
        raise InvalidMessage(f"at most {most} bytes are allowed", code="too_large") from None
    except (TimeoutError, ConnectionError):
        raise InvalidMessage(f"the body must come within {SECONDS:g} s", code="too_slow") from None
