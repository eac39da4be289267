"""Which HTTP requests are cached, and for whom: the rules of `cachekit.httpx_transport`, route by route.

What may be kept follows RFC 9111 for a shared cache, and is stricter: a request is cached only if a route
matches it, it has no body, and each of its headers is either part of the key or declared not to matter.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

import httpx

from cachekit.core.arguments import require_names
from cachekit.core.context import require_tags
from cachekit.core.policy import require_ttl
from cachekit.errors import ConfigurationError

__all__ = ["Route", "directives"]

KEYED: Final = frozenset({"accept", "accept-encoding", "accept-language", "host"})
"""Request headers that are part of every key."""

IGNORED: Final = frozenset({"connection", "traceparent", "tracestate", "user-agent"})
"""Request headers that no route has to name; a response that says it varies by one is not kept."""

KEPT: Final = frozenset(
    (
        *("age", "cache-control", "content-disposition", "content-encoding", "content-language"),
        *("content-location", "content-type", "date", "etag", "expires", "last-modified", "link"),
        *("location", "retry-after", "vary"),
    )
)
"""Response headers that are kept, beside those a route names."""

_UNDERSTOOD: Final = frozenset({"cache-control", "pragma"})
_METHODS: Final = frozenset({"GET", "HEAD"})
_PARTIAL: Final = frozenset({206, 304})
"""Statuses whose body is not the whole answer."""

_WILDCARD: Final = re.compile(r"(\*|\{\w+\})")


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which requests are cached, and how.

    Args:
        host: the host's name, without scheme and port.
        path: a pattern over the path as it is sent: `*` stands for any run of characters, `{name}` for one
            segment, everything else for itself.
        methods: "GET", "HEAD", or both.
        ttl: seconds for which a response is fresh; by default the namespace's. The response's own max-age
            and Expires do not count.
        tags: tags of the kept response; may hold the `{name}`s of the path.
        headers: request headers that are part of the key beside those in `KEYED`. With "authorization"
            among them, each credential has responses of its own.
        ignore_headers: request headers that do not matter. With "authorization" among them, all
            credentials share responses: only for what is the same for everybody.
        ignore_params: parameters of the query that do not matter, and so are left out of the key.
        keep_headers: response headers that are kept beside those in `KEPT`.
        statuses: responses of these are kept.
        negative: responses of these are kept, too, as "there is nothing": for the policy's negative_ttl.
        revalidate: ask with If-None-Match or If-Modified-Since where an old response is at hand, and keep
            that one on 304. Needs a policy with `stale`.

    Raises ConfigurationError for what cannot work; the text names the option and what is allowed.
    """

    host: str
    path: str = "*"
    methods: Sequence[str] = ("GET",)
    ttl: float | None = None
    tags: Sequence[str] = ()
    headers: Sequence[str] = ()
    ignore_headers: Sequence[str] = ()
    ignore_params: Sequence[str] = ()
    keep_headers: Sequence[str] = ()
    statuses: Sequence[int] = (200,)
    negative: Sequence[int] = ()
    revalidate: bool = False
    _path: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _keyed: frozenset[str] = field(init=False, repr=False, compare=False)
    _ignored: frozenset[str] = field(init=False, repr=False, compare=False)
    _kept: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.host or not {*self.host}.isdisjoint("/*?#@[] ") or self.host.count(":") == 1:
            raise ConfigurationError(
                f"host={self.host!r}: allowed is one host's name, without scheme or port"
            )
        if not {*self.methods} or not _METHODS.issuperset(self.methods):
            raise ConfigurationError(f"methods={self.methods!r}: allowed are 'GET' and 'HEAD'")
        if self.ttl is not None:
            require_ttl(self.ttl)
        _require_statuses("statuses", self.statuses)
        _require_statuses("negative", self.negative)
        if twice := {*self.statuses} & {*self.negative}:
            raise ConfigurationError(f"negative: {sorted(twice)} stand among the statuses, too")
        path = _compiled(self.path)
        require_names(require_tags(self.tags), path.groupindex)
        _names("ignore_params", self.ignore_params)
        keyed = KEYED | _names("headers", self.headers)
        ignored = _names("ignore_headers", self.ignore_headers)
        if both := keyed & ignored:
            raise ConfigurationError(f"ignore_headers: {sorted(both)} are part of the key")
        kept = KEPT | _names("keep_headers", self.keep_headers)
        if "set-cookie" in kept:
            raise ConfigurationError("keep_headers: a response with Set-Cookie is one user's, and never kept")
        for name, value in (
            ("_path", path),
            ("_keyed", keyed),
            ("_ignored", ignored | (IGNORED - keyed)),
            ("_kept", kept),
        ):
            object.__setattr__(self, name, value)

    def match(self, request: httpx.Request) -> dict[str, str] | None:
        """What the `{name}`s of the path stand for in this request; None if it is not of this route."""
        if request.method not in self.methods or request.url.host != self.host.lower():
            return None
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        found = self._path.fullmatch(path)
        return None if found is None else {name: unquote(part) for name, part in found.groupdict().items()}

    def params(self, request: httpx.Request) -> dict[str, Any] | None:
        """The params of the key: method, URL and headers.

        None if a header is neither keyed nor ignored, or if there is a body, whatever the route ignores.
        """
        headers: dict[str, list[bytes]] = {}
        for raw_name, value in request.headers.raw:
            name = raw_name.decode("latin-1").lower()
            if (name == "content-length" and value != b"0") or name == "transfer-encoding":
                return None  # A body is not part of the key.
            if name in self._keyed:
                headers.setdefault(name, []).append(value)
            elif name not in self._ignored and name not in _UNDERSTOOD:
                return None
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        return {
            "method": request.method,
            "origin": f"{request.url.scheme}://{request.url.netloc.decode('ascii')}",
            "path": path,
            "query": [each for each in query.split("&") if not self._is_ignored(each)],
            "headers": headers,
        }

    def may_share(self, response: httpx.Response) -> bool:
        """Whether others than the one who asked may see the response.

        Not with Set-Cookie, nor with Cache-Control no-store, private or no-cache, nor if it varies by an
        ignored header or by `*`, nor a stream of events, whose end nobody can wait for. Varying by a header
        that is neither keyed nor ignored is no obstacle: no request that has such a header gets here.
        """
        varies = _listed(response.headers, "vary")
        return not (
            "set-cookie" in response.headers
            or response.headers.get("content-type", "").lower().startswith("text/event-stream")
            or directives(response.headers) & {"no-store", "private", "no-cache"}
            or "*" in varies
            or varies & self._ignored
        )

    def kept_headers(self, response: httpx.Response, method: str) -> list[list[str]]:
        """Name and value of each header that is kept, in their order."""
        # The length of a GET follows from its body; that of a HEAD is of a body which is not here.
        kept = self._kept | {"content-length"} if method == "HEAD" else self._kept - {"content-length"}
        pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        return [[name, value] for name, value in pairs if name.lower() in kept]

    def _is_ignored(self, part: str) -> bool:
        return unquote_plus(part.partition("=")[0]) in self.ignore_params


def directives(headers: httpx.Headers) -> frozenset[str]:
    """The names in Cache-Control, without what they are set to; HTTP/1.0's `Pragma: no-cache` is one, too."""
    said = _listed(headers, "cache-control")
    return frozenset(each.partition("=")[0].strip() for each in said) | (
        _listed(headers, "pragma") & {"no-cache"}
    )


def _listed(headers: httpx.Headers, name: str) -> frozenset[str]:
    parts = (part.strip().lower() for part in headers.get(name, "").split(","))
    return frozenset(part for part in parts if part)


def _compiled(pattern: str) -> re.Pattern[str]:
    if not pattern.startswith(("/", "*")):
        raise ConfigurationError(f"path={pattern!r} matches nothing: a path begins with /")
    regex = ""
    for part in _WILDCARD.split(pattern):
        if part == "*":
            regex += ".*"
        elif _WILDCARD.fullmatch(part):
            regex += f"(?P<{part[1:-1]}>[^/]+)"
        elif "{" in part or "}" in part:
            raise ConfigurationError(f"path={pattern!r}: a brace stands for nothing but a {{name}}")
        else:
            regex += re.escape(part)
    try:
        return re.compile(regex)
    except re.error as error:
        raise ConfigurationError(f"path={pattern!r} is no pattern: {error}") from None


def _names(option: str, names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        raise ConfigurationError(f"{option}={names!r} is one string; give a list of names")
    return frozenset(name.lower() for name in names)


def _require_statuses(option: str, statuses: Iterable[int]) -> None:
    for status in statuses:
        if not 200 <= status <= 599 or status in _PARTIAL:  # noqa: PLR2004 - the range of final statuses
            raise ConfigurationError(
                f"{option}: {status} cannot be kept; 200 to 599 can, but for 206 and 304"
            )
