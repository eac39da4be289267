"""A server on a port of its own, and clients that speak the protocol frame by frame."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Self

import aiohttp
import pytest
from aiohttp import web

from chatbot.transport import ConnectRefused, SocketServer

PATIENCE = 20
"""Seconds until a test that waits in vain fails."""


class Client:
    """A websocket, packet by packet; what the server says comes from `said`, None at the end."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.sid = ""

    async def say(self, packet: str | bytes) -> None:
        if isinstance(packet, str):
            await self.socket.send_str(packet)
        else:
            await self.socket.send_bytes(packet)

    async def said(self) -> str | bytes | None:
        message = await self.socket.receive(PATIENCE)
        over = message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
        return None if over else message.data

    async def rest(self) -> list[str | bytes]:
        """All that is still said, until the server closes."""
        said = []
        while (packet := await self.said()) is not None:
            said.append(packet)
        return said


class Stage:
    """A running server, what it was told, and whoever talks to it."""

    def __init__(self) -> None:
        self.server: SocketServer
        self.url = ""
        self.port = 0
        self.asked = 0
        self.came: list[str] = []
        self.marks: set[object] = set()
        self.gone: list[tuple[str, str]] = []
        self.order: list[object] = []
        self.gate = asyncio.Event()
        self.http: aiohttp.ClientSession
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.http = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def serve(self, **options) -> SocketServer:
        words = {"overloaded": {"error": "overloaded"}, "unknown": {"error": "unknown"}}
        options = {"connect": self._connect, **words, "failed": {"error": "failed"}, **options}
        self.server = SocketServer(disconnected=lambda *gone: self.gone.append(gone), **options)
        self.server.on("echo", self._echo)
        self.server.on("wait", self._wait)
        self.server.on("boom", self._boom)
        application = web.Application()
        self.server.attach(application)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(self._close)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self.server

    async def _close(self) -> None:
        self.gate.set()
        # Not `aclose`: it gives polling clients, who are not coming back, five seconds to poll.
        await self.server._dispatcher.aclose(spread=0, within=0.5)

    async def _connect(self, sid: str, request: web.Request, auth: object) -> None:
        assert isinstance(request, web.Request)
        self.asked += 1
        if auth == {"token": "wait"}:
            await self.gate.wait()
        if auth == {"token": "bad"}:
            raise ConnectRefused("token_invalid", "This token is not valid.")
        if auth == {"token": "boom"}:
            raise TypeError("no connect handler may be run again for this")
        self.came.append(sid)
        if isinstance(auth, dict):
            self.marks.add(auth.get("mark"))

    async def _echo(self, sid: str, payload: object) -> dict:
        self.order.append(payload)
        return {"ok": True, "echo": payload}

    async def _wait(self, sid: str, payload: object) -> dict:
        self.asked += 1
        await self.gate.wait()
        return await self._echo(sid, payload)

    async def _boom(self, sid: str, payload: object) -> dict:
        raise RuntimeError("the handler's own fault")

    async def open(self, query: str = "EIO=4&transport=websocket", **options) -> Client:
        """A websocket of which nothing has been said or heard."""
        url = f"{self.url}/socket.io/?{query}"
        socket = await self._stack.enter_async_context(self.http.ws_connect(url, **options))
        return Client(socket)

    async def join(self) -> Client:
        """A connected client."""
        client = await self.open()
        assert str(await client.said()).startswith("0{")
        await client.say("40")
        answer = str(await client.said())
        assert answer.startswith('40{"sid":"'), answer
        client.sid = json.loads(answer[2:])["sid"]
        return client

    def poll_url(self, sid: str) -> str:
        return f"{self.url}/socket.io/?EIO=4&transport=polling&sid={sid}"

    async def poll(self, sid: str) -> str:
        async with self.http.get(self.poll_url(sid)) as response:
            return await response.text() if response.status == 200 else str(response.status)

    async def post(self, sid: str, packets: str | bytes) -> str:
        async with self.http.post(self.poll_url(sid), data=packets) as response:
            return await response.text() if response.status == 200 else str(response.status)

    def closes(self, opened: socket.socket) -> None:
        """Close it at the end, whatever happens."""
        self._stack.callback(opened.close)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
def stage_class() -> type[Stage]:
    """For tests that bring their own loop."""
    return Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as opened:
        yield opened
