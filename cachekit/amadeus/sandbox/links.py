"""Links of a reply: the address that was asked, and those of the other pages."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from aiohttp import web

__all__ = ["base_url", "link", "page_links"]

OFFSET = "page[offset]"


def base_url(request: web.Request) -> str:
    """Scheme and host as the caller sees them, without a trailing slash."""
    return f"{request.scheme}://{request.host}"


def link(request: web.Request, query: Sequence[tuple[str, str]] | None = None) -> str:
    """The address of the request, with another query if one is given.

    Brackets are percent-encoded, commas are not, whatever the request itself did.
    """
    pairs = list(request.query.items()) if query is None else query
    written = urlencode(pairs, quote_via=quote, safe=",:")
    return base_url(request) + request.path + (f"?{written}" if written else "")


def page_links(request: web.Request, *, count: int, limit: int, offset: int) -> dict[str, str]:
    """`self`, and of `first`, `previous`, `next` and `last` those that lead to another page.

    The last page is a whole one: it starts `limit` before the end.
    """
    rest = [(name, value) for name, value in request.query.items() if name != OFFSET]
    last = max(0, count - limit)
    starts: dict[str, int] = {}
    if offset > 0:
        starts |= {"first": 0, "previous": max(0, offset - limit)}
    if offset + limit < count:
        starts |= {"next": offset + limit, "last": last}
    pages = {name: link(request, [*rest, (OFFSET, str(start))]) for name, start in starts.items()}
    return {"self": link(request), **pages}
