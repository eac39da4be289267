"""Two gateways behind the proxy that the compose file uses."""

import asyncio
import os
import re
import shutil
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
import socketio
from support.machine import missing
from support.rig import TODAY, chatting, settings, token
from yarl import URL

from chatbot.app import serve


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def proxy(root, gateways):
    """HAProxy with the committed configuration, in front of these; its URL once both are seen to be ready."""
    binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if binary is None:
        missing("haproxy")
    bind = f"127.0.0.1:{free_port()}"
    addresses = [url.removeprefix("http://").replace("localhost", "127.0.0.1") for url in gateways]
    environment = {**os.environ, "PROXY_BIND": bind, "GATEWAY_1": addresses[0], "GATEWAY_2": addresses[1]}
    process = await asyncio.create_subprocess_exec(
        *(binary, "-db", "-q", "-f", str(root / "deploy/haproxy.cfg")), env=environment
    )
    try:
        # By name: clients keep no cookie for an address.
        yield f"http://localhost:{bind.partition(':')[2]}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_ready(url):
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"{url}/health/ready") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)


@pytest.fixture
async def two(redis_url, places, root):
    """The proxy's URL, and what closes each of the two gateways behind it."""
    async with AsyncExitStack() as stack:
        stacks, urls = [], []
        for _ in range(2):
            own = await stack.enter_async_context(AsyncExitStack())
            stacks.append(own)
            gateway = serve(settings(redis_url, drain=0.05), today=lambda: TODAY, places=places)
            urls.append(await own.enter_async_context(gateway))
        url = await stack.enter_async_context(proxy(root, urls))
        await until_ready(url)
        yield url, urls, stacks


async def test_people_on_both_gateways_are_reached_through_one_address(two):
    """Connections go to whichever has fewer; a notice reaches them all."""
    url, urls, _ = two
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(chatting(url)) for _ in range(6)]
        held = []
        async with aiohttp.ClientSession() as http:
            for address in urls:
                async with http.get(f"{address}/health/redis") as reply:
                    held.append((await reply.json())["heldSockets"])
            headers = {"Authorization": f"Bearer {token('root', roles=['admin'])}"}
            async with http.post(f"{urls[0]}/admin/notices", json={"text": "hi"}, headers=headers) as reply:
                assert reply.status == 202
        assert sorted(held) == [3, 3]
        for person in people:
            await person.heard("server:notice")


async def test_long_polling_stays_on_one_gateway(two):
    """The proxy's cookie leads each request of a polling client to its instance."""
    url, _, _ = two
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(url, auth={"token": token()}, transports=["polling"])
    assert (await client.call("chat:start", {}))["ok"]
    assert (await client.call("chat:list", {}))["ok"]
    await client.disconnect()


async def test_a_gateway_that_ends_is_replaced_by_the_other(two):
    """Its sockets are told, and come back through the same address with their chat."""
    url, _, stacks = two
    async with chatting(url) as ana:
        await ana.start()
        await ana.ask("hello")
        ending = [asyncio.create_task(stacks[0].aclose()), asyncio.create_task(ana.gone.wait())]
        await ending[0]
        if not ana.gone.is_set():  # ana was on the other one, which goes on
            ending[1].cancel()
        async with chatting(url) as back:
            assert len((await back.start(ana.session_id))["history"]) == 2
            await back.ask("hello")


async def test_what_operators_ask_for_is_not_for_the_public(two):
    """The proxy keeps it to itself, however the path is spelt; everything else goes through."""
    url, urls, _ = two
    async with aiohttp.ClientSession() as http:
        for path in ("/metrics", "/%6Detrics", "/admin/stats", "/%61dmin/stats", "/health%2Fredis"):
            async with http.get(URL(url + path, encoded=True)) as reply:
                assert reply.status == 404, path
        async with http.get(URL(urls[0] + "/%6Detrics", encoded=True)) as reply:
            assert reply.status == 200
        async with http.get(f"{url}/config") as reply:
            assert reply.status == 200


def test_the_compose_file_sets_variables_that_exist(root):
    """A variable nobody reads would be a setting that does nothing."""
    composed = set(
        re.findall(
            r"^ +((?:CHATBOT|AMADEUS)_[A-Z_]+):", (root / "docker-compose.yml").read_text(), re.MULTILINE
        )
    )
    known = (root / "chatbot/settings/settings.py").read_text()
    known += (root / "cachekit/amadeus/client/settings.py").read_text()
    assert len(composed) > 10
    assert {name for name in composed if f'"{name}"' not in known} == set()
