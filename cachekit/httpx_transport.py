"""A caching transport for httpx, with all that a namespace gives: single-flight, stale, tags, outage."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Literal

import httpx

from cachekit.core.context import LoadContext
from cachekit.core.entry import Entry
from cachekit.core.namespace import Namespace
from cachekit.errors import CacheKitError, CacheUnavailable
from cachekit.httpx_response import Kept, read_body
from cachekit.httpx_route import Route, directives

__all__ = ["CacheTransport", "Route"]

RESOURCE: Final = "http"
"""The resource of the keys: `{namespace}:http:{digest}`."""

_AGE: Final = re.compile(r"[0-9]{1,10}")
_CONDITIONS: Final = frozenset({b"if-match", b"if-modified-since", b"if-none-match", b"if-unmodified-since"})
_UNAVAILABLE: Final = 500
_TOO_MANY: Final = 429

Outcome = Literal["hit", "stale", "miss", "bypass"]


class CacheTransport(httpx.AsyncBaseTransport):
    """Answers requests of the given routes from a namespace, and passes all others through untouched.

        transport = CacheTransport(pages, httpx.AsyncHTTPTransport(), routes=[Route(host="api.example.com")])
        async with httpx.AsyncClient(transport=transport) as client: ...

    A response to a request of a route says in `x-cachekit` where it comes from:
        case "hit", "stale": kept before; `age` tells for how many seconds.
        case "miss": asked for by this request, or by one like it that was under way. Only kept headers.
        case "bypass": not kept and not from the cache; the upstream's own response.

    What the inner transport raises is raised. CacheUnavailable is raised only where the namespace's policy
    has outage="raise".

    Args:
        namespace: where responses are kept. What distinguishes clients beyond the request itself (client
            certificates, a proxy, an address) needs namespaces of its own.
        transport: the inner transport, closed with this one.
        routes: the first one that matches a request counts.
    """

    def __init__(
        self, namespace: Namespace, transport: httpx.AsyncBaseTransport, *, routes: Iterable[Route]
    ) -> None:
        self._namespace = namespace
        self._transport = transport
        self._routes = tuple(routes)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, whose body may be streamed as usual."""
        for route in self._routes:
            names = route.match(request)
            if names is not None:
                return await self._answer(request, route, names)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the inner transport; the namespace belongs to whoever opened it."""
        await self._transport.aclose()

    async def _answer(self, request: httpx.Request, route: Route, names: dict[str, str]) -> httpx.Response:
        params, wishes = route.params(request), directives(request.headers)
        if params is None or not wishes <= {"no-cache"}:
            return await self._pass(request)
        key = self._namespace.key(RESOURCE, params)
        get = self._namespace.refresh if wishes else self._namespace.get_or_set_entry
        visit = _Visit(self._namespace, key, self._transport, request, route)
        tags = [tag.format_map(names) for tag in route.tags]
        try:
            entry = await get(key, visit.load, ttl=route.ttl, tags=tags)
            kept = Kept.of(entry.value)
            if kept is not None:
                return _labelled(kept.response(request.method), entry)
            return visit.take() or await self._pass(request)
        except _Refused:
            return visit.take() or await self._pass(request)
        finally:
            await visit.leave()

    async def _pass(self, request: httpx.Request) -> httpx.Response:
        return _bypass(await self._transport.handle_async_request(request))


class _Refused(CacheKitError):
    """The upstream failed while an old response was at hand, which the namespace may serve instead."""


class _Visit:
    """One request's way upstream. Its load may outlive it, and then serves others.

    A response that may not be shared is held for the one who asked, and closed if he has left.
    """

    def __init__(
        self,
        namespace: Namespace,
        key: str,
        transport: httpx.AsyncBaseTransport,
        request: httpx.Request,
        route: Route,
    ) -> None:
        self._namespace = namespace
        self._key = key
        self._transport = transport
        self._request = request
        self._route = route
        self._held: httpx.Response | None = None
        self._has_left = False

    def take(self) -> httpx.Response | None:
        """The response that is only for the one who asked; None if somebody else's load was joined."""
        held, self._held = self._held, None
        return None if held is None else _bypass(held)

    async def leave(self) -> None:
        """Close what is still held, now or when it comes."""
        self._has_left = True
        if self._held is not None:
            await self._held.aclose()

    async def load(self, context: LoadContext) -> dict[str, Any] | None:
        """The response to keep or share; None if it is only for the one who asked."""
        old = Kept.of(context.stale.value) if self._route.revalidate and context.stale is not None else None
        condition = {} if old is None else old.condition()
        request = _on_condition(self._request, condition) if condition else self._request
        response = await self._transport.handle_async_request(request)
        try:
            return await self._settle(context, response, is_conditional=bool(condition))
        except BaseException:
            if response is not self._held:
                await response.aclose()
            raise

    async def _settle(
        self, context: LoadContext, response: httpx.Response, *, is_conditional: bool
    ) -> dict[str, Any] | None:
        route, status = self._route, response.status_code
        if status == httpx.codes.NOT_MODIFIED and is_conditional:
            await response.aclose()
            if route.may_share(response):
                return context.not_modified()  # type: ignore[no-any-return]
            await self._withdraw(context)
            return None
        is_kept = status in route.statuses or status in route.negative
        is_refusal = not is_kept and (status >= _UNAVAILABLE or status == _TOO_MANY)
        if is_refusal and context.stale is not None:
            await self._hold(response)
            raise _Refused(f"the upstream answered {status}")
        # One refusal will do for all who wait: asking anew would add to the upstream's load.
        value = None
        if (is_kept or is_refusal) and route.may_share(response):
            value = await self._value(response)
        if value is None:
            await self._hold(response)
            await self._withdraw(context)
        elif not is_kept:
            context.skip()
        if status in route.negative:
            context.negative()
        return value

    async def _withdraw(self, context: LoadContext) -> None:
        """Keep nothing, and not what was kept before either: the upstream has spoken otherwise."""
        context.skip()
        if context.stale is not None:
            # With Redis away, whoever finds the old response next asks again.
            with suppress(CacheUnavailable):
                await self._namespace.delete(self._key)

    async def _hold(self, response: httpx.Response) -> None:
        if self._has_left:
            await response.aclose()
        else:
            self._held = response

    async def _value(self, response: httpx.Response) -> dict[str, Any] | None:
        """The response as JSON; None if that is larger than the policy allows."""
        most = self._namespace.policy.max_bytes
        body = await read_body(response, most)
        if body is None:
            return None
        headers = self._route.kept_headers(response, self._request.method)
        return Kept.made(response.status_code, headers, body).value(most)


def _labelled(response: httpx.Response, entry: Entry) -> httpx.Response:
    # RFC 9111, section 5.1: the seconds it was kept here and, if it came from a cache, there.
    upstream_age = _AGE.fullmatch(response.headers.get("age", ""))
    response.headers["age"] = str(int(entry.age) + (int(upstream_age[0]) if upstream_age else 0))
    outcome: Outcome = "miss" if entry.source == "load" else "stale" if entry.state == "stale" else "hit"
    response.headers["x-cachekit"] = outcome
    return response


def _bypass(response: httpx.Response) -> httpx.Response:
    outcome: Outcome = "bypass"
    response.headers["x-cachekit"] = outcome
    return response


def _on_condition(request: httpx.Request, headers: dict[str, str]) -> httpx.Request:
    # The caller's own conditions, which a route may ignore, go: a 304 must be about what is kept here.
    return httpx.Request(
        request.method,
        request.url,
        headers=[
            *(each for each in request.headers.raw if each[0].lower() not in _CONDITIONS),
            *((name.encode(), value.encode("latin-1")) for name, value in headers.items()),
        ],
        stream=request.stream,
        extensions=request.extensions,
    )
