"""Clients that take their time with a request: nobody's connection waits for ever."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
import socketio
from support.rig import TODAY, settings, token

from chatbot.app import serve


@asynccontextmanager
async def begun(url, *lines):
    """A connection on which these lines of a request have been sent; its reader."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write("".join(f"{line}\r\n" for line in lines).encode())
    try:
        async with asyncio.timeout(30):
            yield reader
    finally:
        writer.close()


@pytest.fixture
async def url(redis_url, places, monkeypatch):
    monkeypatch.setattr("chatbot.app.KEEP_ALIVE", 0.2)
    monkeypatch.setattr("chatbot.body.SECONDS", 0.2)
    async with serve(settings(redis_url, demo=True), today=lambda: TODAY, places=places) as address:
        yield address


@pytest.mark.parametrize("lines", [(), ("GET /health/live HTTP/1.1", "Host: gateway", "X-And-So: on")])
async def test_a_connection_without_a_whole_request_is_closed(url, lines):
    """Whether nothing came or half a head."""
    async with begun(url, *lines) as reader:
        assert await reader.read() == b""


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_socket_may_be_silent_for_longer(url, transport):
    """It has pings of its own: one that is older than a connection that was closed is still there."""
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(url, auth={"token": token()}, transports=[transport])
    async with begun(url) as reader:
        assert await reader.read() == b""
    assert (await client.call("chat:start", {}))["ok"]
    await client.disconnect()


@pytest.mark.parametrize(
    ("path", "status"), [("/demo/login", b" 400 "), ("/admin/notices", b" 408 "), ("/socket.io/", b" 400 ")]
)
async def test_a_body_that_never_ends_is_not_waited_for(url, path, status, monkeypatch):
    """It is answered, and the connection closed."""
    if path == "/socket.io/":
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{url}/socket.io/?EIO=4&transport=polling") as reply,
        ):
            sid = (await reply.text()).partition('"sid":"')[2].partition('"')[0]
        path += f"?EIO=4&transport=polling&sid={sid}"
        monkeypatch.setattr("chatbot.transport.engine.Engine.upgrade_timeout", 0.2, raising=False)
    admin = token("root", roles=["admin"])
    head = (f"POST {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {admin}", "Content-Length: 99")
    async with begun(url, *head, "", "{") as reader:
        assert status in await reader.readline()


async def test_a_login_is_small(url):
    """More than a name's worth of bytes is not read."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/demo/login", data=b'{"user":"ana"' + b" " * 2_000 + b"}") as reply,
    ):
        assert reply.status == 400
