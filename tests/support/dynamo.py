"""A proxy before a server that speaks DynamoDB: it throttles, fails and hangs when a test says so.

moto's server never does any of that by itself.
"""

import asyncio
import contextlib
import io
import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, Self

import aiohttp
from aiohttp import web

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What boto3 finds in the environment of a test."""

Forward = Callable[[bytes], Awaitable[web.Response]]
Fault = Callable[[web.Request, bytes, Forward], Awaitable[web.StreamResponse]]


class DynamoProxy:
    """Forwards to `target`; faults wait in a queue for each operation, e.g. "BatchWriteItem"."""

    def __init__(self, target: str) -> None:
        self.calls: Counter[str] = Counter()
        self.away = False
        """Whether connections are cut instead of served."""
        self.mood: Callable[[str], Fault | None] = lambda _: None
        """Asked for a fault where none is queued."""
        self._target = target
        self._faults: dict[str, deque[Fault]] = {}

    def next(self, operation: str, *faults: Fault) -> None:
        """Let the next calls of the operation suffer these."""
        self._faults.setdefault(operation, deque()).extend(faults)

    async def __aenter__(self) -> Self:
        self._stack = contextlib.AsyncExitStack()
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        application = web.Application(client_max_size=32 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        operation = request.headers.get("X-Amz-Target", ".").partition(".")[2]
        self.calls[operation] += 1
        body = await request.read()
        if self.away:
            return await cut(request, body, self._forwarding(request))
        queue = self._faults.get(operation)
        fault = queue.popleft() if queue else self.mood(operation)
        forward = self._forwarding(request)
        return await fault(request, body, forward) if fault else await forward(body)

    def _forwarding(self, request: web.Request) -> Forward:
        headers = {
            name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")
        }

        async def forward(body: bytes) -> web.Response:
            async with self._http.post(self._target, data=io.BytesIO(body), headers=headers) as reply:
                content = await reply.read()
                kept = {name: reply.headers[name] for name in ("Content-Type",) if name in reply.headers}
                return web.Response(status=reply.status, body=content, headers=kept)

        return forward


def refusal(code: str, status: int = 400) -> Fault:
    """An error of DynamoDB's, by its code."""

    async def fault(_: web.Request, __: bytes, ___: Forward) -> web.Response:
        document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "as the test wants it"}
        return web.Response(
            status=status, text=json.dumps(document), content_type="application/x-amz-json-1.0"
        )

    return fault


throttled = refusal("ProvisionedThroughputExceededException")
broken = refusal("InternalServerError", 500)


async def cut(request: web.Request, _: bytes, __: Forward) -> web.StreamResponse:
    """The connection is closed before anything is done."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def reply_lost(request: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
    """It is done, and nobody hears of it."""
    await forward(body)
    return await cut(request, body, forward)


async def half_unprocessed(_: web.Request, body: bytes, forward: Forward) -> web.Response:
    """Of a BatchWriteItem the first half is done, at least one item; the rest is named as unprocessed."""
    document = json.loads(body)
    ((table, requests),) = document["RequestItems"].items()
    half = max(1, len(requests) // 2)
    reply = await forward(json.dumps({"RequestItems": {table: requests[:half]}}).encode())
    assert isinstance(reply.body, bytes)
    answer: dict[str, Any] = json.loads(reply.body)
    if requests[half:]:
        answer["UnprocessedItems"] = {table: requests[half:]}
    return web.Response(text=json.dumps(answer), content_type="application/x-amz-json-1.0")


async def unprocessed(_: web.Request, body: bytes, __: Forward) -> web.Response:
    """Nothing of a BatchWriteItem is done."""
    answer = {"UnprocessedItems": json.loads(body)["RequestItems"]}
    return web.Response(text=json.dumps(answer), content_type="application/x-amz-json-1.0")


class Gate:
    """A fault that holds a call up: `reached` tells that it is there, `open` lets it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, _: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
        self.reached.set()
        await self.open.wait()
        return await forward(body)
