"""Whose pages may connect: what a browser says of the page that opens a socket."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from chatbot.errors import SettingsError

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*]+")


class OriginRule:
    """Lets in the origins named, and the one that the gateway itself is reached under.

    `origins` are written as browsers send them: `https://shop.example` or `http://localhost:3000`.

    Raises:
        SettingsError: one of them is no origin; a wildcard is none.
    """

    __slots__ = ("_origins",)

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origin.lower() for origin in origins)
        for origin in sorted(self._origins):
            if not _ORIGIN.fullmatch(origin):
                raise SettingsError(f"{origin!r} is no origin; one looks like 'https://shop.example'")

    def __call__(self, origin: str, environ: Mapping[str, str]) -> bool:
        """Whether a page of `origin` may connect by the request that `environ` describes.

        The forwarded headers are believed from everybody: behind a proxy that ends TLS they hold the scheme
        and host that the browser sees, and no page can set them, which is whom this rule is about.
        """
        if origin.lower() in self._origins:
            return True
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", environ["wsgi.url_scheme"]).partition(",")[0].strip()
        host = environ.get("HTTP_X_FORWARDED_HOST", environ.get("HTTP_HOST", "")).partition(",")[0].strip()
        return bool(host) and origin.lower() == f"{scheme}://{host}".lower()
