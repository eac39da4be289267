"""What every request passes through: counted, delayed, troubled; and on the data paths, let in or not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

from aiohttp import web

from cachekit.amadeus.sandbox.breakage import instead, spoiled, stands_instead
from cachekit.amadeus.sandbox.faults import Endpoint
from cachekit.amadeus.sandbox.issues import Issue, Refusal
from cachekit.amadeus.sandbox.links import base_url
from cachekit.amadeus.sandbox.replay import Replay
from cachekit.amadeus.sandbox.replies import refusal_reply
from cachekit.amadeus.sandbox.requests.bodies import read_content
from cachekit.amadeus.sandbox.state import SandboxState

__all__ = ["OVERRIDE", "Answer", "Gate", "Handler", "mark"]

OVERRIDE: Final = "X-HTTP-Method-Override"
UNKNOWN: Final = "unknown"
"""Requests to paths that are not there are counted by this name."""

Answer = Callable[[web.Request, SandboxState], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """Stands before all paths of one sandbox but its knobs.

    Args:
        state: what is counted in, and what is asked for tokens, limits, delays and faults.
        replay: recorded answers, which go before the sandbox's own.
        replay_only: whether what is not recorded is refused.
    """

    def __init__(self, state: SandboxState, *, replay: Replay | None, replay_only: bool) -> None:
        self._state = state
        self._replay = replay
        self._replay_only = replay_only

    def open(self, endpoint: Endpoint, answer: Answer) -> Handler:
        """The handler of a path that needs no token."""

        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(endpoint, request, answer)

        return serve

    def data(self, endpoint: Endpoint, answer: Answer) -> Handler:
        """The handler of a data path: it needs a token, counts for the limits, and may be recorded."""

        async def answer_if_let_in(request: web.Request, state: SandboxState) -> web.Response:
            self._let_in(request)
            recorded = await self._recorded(request)
            if recorded is None and self._replay_only:
                raise Refusal([Issue(1797, "No recording answers this request")])
            return recorded or await answer(request, state)

        return self.open(endpoint, answer_if_let_in)

    @web.middleware
    async def unknown(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers what no path takes: from a recording, or with a 404, whatever the method."""
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return await self._serve(UNKNOWN, request, self._only_recorded)

    async def _serve(self, endpoint: str, request: web.Request, answer: Answer) -> web.StreamResponse:
        state = self._state
        delay = state.delay(endpoint, state.count(endpoint))
        fault = state.faults.take(endpoint)
        reply: web.StreamResponse
        if fault is not None and stands_instead(fault):
            await asyncio.sleep(delay)
            reply = instead(fault, request)
        else:
            # Before the delay: limits are about when requests come, and no two delays are alike.
            honest = await self._answer(request, answer)
            await asyncio.sleep(delay)
            reply = honest if fault is None else await spoiled(fault, request, honest)
        cut = request.transport is None or request.transport.is_closing()
        state.count_answer(endpoint, "none" if cut else str(reply.status))
        return reply

    async def _answer(self, request: web.Request, answer: Answer) -> web.Response:
        try:
            return await answer(request, self._state)
        except Refusal as refusal:
            return refusal_reply(refusal)
        except ConnectionResetError:
            return web.Response()  # He hung up before his request was whole; nobody reads this.

    def _let_in(self, request: web.Request) -> None:
        """Token, then limits, as a gateway has it; then the method that is meant."""
        self._state.tokens.check(request.headers.get("Authorization"))
        self._state.meter.check()
        if request.headers.get(OVERRIDE, "GET") != "GET":
            raise _not_there()

    async def _only_recorded(self, request: web.Request, _: SandboxState) -> web.Response:
        """A path that only recordings know; without any, no token is asked for."""
        if self._replay is None:
            raise _not_there()
        self._let_in(request)
        recorded = await self._recorded(request)
        if recorded is None:
            raise _not_there()
        return recorded

    async def _recorded(self, request: web.Request) -> web.Response | None:
        if self._replay is None:
            return None
        query, body = list(request.query.items()), await read_content(request)
        recorded = self._replay.find(request.method, request.path, query, body, base_url=base_url(request))
        if recorded is None:
            return None
        return web.Response(body=recorded.body, status=recorded.status, headers=recorded.headers)


async def mark(_: web.Request, reply: web.StreamResponse) -> None:
    """Give a reply its request id, if it is not recorded with one; and do not tell what serves it."""
    reply.headers.setdefault("Ama-Request-Id", str(uuid4()))
    reply.headers.pop("Server", None)


def _not_there() -> Refusal:
    return Refusal([Issue(38196, "The targeted resource doesn't exist")])
