"""Signing in and staying in: tokens that end, are renewed or revoked, and who may knock how often."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_network

import aiohttp
import pytest
import socketio
from support.rig import TODAY, chatting, settings, token

from chatbot.app import serve
from chatbot.settings import LimitSettings


@pytest.fixture
async def url(redis_url, places):
    async with serve(settings(redis_url), today=lambda: TODAY, places=places) as address:
        yield address


async def refused(url, **auth):
    """What a connection that is not let in is told."""
    refusals = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("connect_error", refusals.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(url, auth=auth, transports=["websocket"])
    await client.disconnect()
    return refusals[0]["data"]


async def admin(url, path, **body):
    """What an admin is told over HTTP."""
    headers = {"Authorization": f"Bearer {token('root', roles=['admin'])}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{url}/admin/{path}", json=body) as reply,
    ):
        assert reply.status < 300, await reply.text()


async def test_a_socket_is_told_that_its_token_ends_and_ends_with_it(url):
    """`auth:expiring` within the last minute, `auth:expired` at the end, and the socket is gone."""
    # The gateway allows ten seconds for clocks that differ.
    async with chatting(url, {"token": token(exp=int(time.time()) - 8)}) as ana:
        await ana.gone.wait()
        assert [name for name, _ in ana.events] == ["auth:expiring", "auth:expired"]


async def test_a_newer_token_keeps_the_socket(url):
    """`auth:refresh` with the same subject: the socket outlives its first token."""
    async with chatting(url, {"token": token(exp=int(time.time()) - 8)}) as ana:
        reply = await ana.call("auth:refresh", {"token": token()})
        assert reply["ok"]
        assert reply["expiresAt"].endswith("Z")
        assert (await ana.start())["ok"]
        assert not ana.of("auth:expired")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"token": token("eve")}, "token_invalid"),
        ({"token": "x.y.z"}, "token_invalid"),
        ({"token": token(exp=1)}, "token_expired"),
        ({}, "invalid_message"),
        ({"token": 7}, "invalid_message"),
        ({"token": "x" * 8_193}, "invalid_message"),
    ],
)
async def test_a_token_that_is_no_good_refreshes_nothing(url, given, code):
    """The error says why; the socket goes on with the token it has."""
    async with chatting(url) as ana:
        assert (await ana.call("auth:refresh", given))["error"]["code"] == code
        assert (await ana.start())["ok"]


async def test_a_revoked_token_refreshes_nothing(url):
    """It is refused as it would be at the door; the socket goes on with the token it has."""
    async with chatting(url, {"token": token(jti="held")}) as ana:
        await admin(url, "revocations", tokenId="stolen")
        reply = await ana.call("auth:refresh", {"token": token(jti="stolen")})
        assert reply["error"]["code"] == "token_revoked"
        assert (await ana.start())["ok"]


async def test_a_revoked_user_is_out_at_once_and_stays_out(url):
    """All sockets of the user end; the old token lets nobody in again, a newer one does."""
    async with chatting(url) as first, chatting(url) as second, chatting(url, {"token": token("bob")}) as bob:
        await admin(url, "revocations", userId="ana")
        for socket in (first, second):
            await socket.gone.wait()
            assert socket.of("auth:revoked") == [{}]
        assert (await refused(url, token=token(iat=int(time.time()) - 5)))["code"] == "token_revoked"
        assert (await bob.start())["ok"]
    async with chatting(url, {"token": token(iat=int(time.time()) + 2)}) as again:
        assert (await again.start())["ok"]


async def test_a_revoked_token_is_out_and_others_of_the_user_are_not(url):
    """By its `jti`; a refresh with it is refused as well."""
    async with (
        chatting(url, {"token": token(jti="stolen")}) as thief,
        chatting(url, {"token": token(jti="mine")}) as ana,
    ):
        await admin(url, "revocations", tokenId="stolen")
        await thief.gone.wait()
        assert (await refused(url, token=token(jti="stolen")))["code"] == "token_revoked"
        reply = await ana.call("auth:refresh", {"token": token(jti="stolen")})
        assert reply["error"]["code"] == "token_revoked"
        assert (await ana.start())["ok"]


async def test_an_admin_ends_a_users_sockets(url):
    """They are told why; the user may come back."""
    async with chatting(url) as ana:
        await admin(url, "users/ana/disconnect")
        await ana.gone.wait()
        (told,) = ana.of("server:disconnected")
        assert told["code"] == "disconnected"
    async with chatting(url) as back:
        assert (await back.start())["ok"]


async def test_too_many_connects_of_a_user_are_refused(redis_url, places):
    """The limit counts over all instances; other users are let in."""
    few = settings(redis_url, limits=LimitSettings(user_connects=3))
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(serve(few, today=lambda: TODAY, places=places)) for _ in "12"]
        for number in range(3):
            await stack.enter_async_context(chatting(urls[number % 2]))
        for url in urls:
            assert (await refused(url, token=token()))["code"] == "rate_limited"
        await stack.enter_async_context(chatting(urls[0], {"token": token("bob")}))


async def test_a_revoked_token_uses_up_nobodys_connects(redis_url, places):
    """Else a thief whose token was revoked could go on keeping its owner out."""
    few = settings(redis_url, limits=LimitSettings(user_connects=1))
    async with serve(few, today=lambda: TODAY, places=places) as url:
        stolen = token(iat=int(time.time()) - 60)
        await admin(url, "revocations", userId="ana")
        for _ in range(3):
            assert (await refused(url, token=stolen))["code"] == "token_revoked"
        async with chatting(url, {"token": token(iat=int(time.time()) + 5)}) as ana:
            assert (await ana.start())["ok"]


async def test_new_chats_are_limited_as_connects_are(redis_url, places):
    """Each lies in Redis for a day; coming back to one is free."""
    few = settings(redis_url, limits=LimitSettings(user_connects=2))
    async with serve(few, today=lambda: TODAY, places=places) as url, chatting(url) as ana:
        for _ in range(2):
            assert (await ana.start())["ok"]
        assert (await ana.start())["error"]["code"] == "rate_limited"
        assert (await ana.start(ana.session_id))["ok"]


async def test_too_many_requests_from_an_address_are_refused(redis_url, places):
    """Whatever they ask for, however many users and sockets they come from."""
    few = settings(redis_url, limits=LimitSettings(address_requests=3))
    async with (
        serve(few, today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
        chatting(url, {"token": token("bob")}) as bob,
    ):
        for person in (ana, bob, ana):
            assert (await person.call("chat:list"))["ok"]
        for person in (ana, bob):
            error = (await person.call("chat:list"))["error"]
            assert error["code"] == "rate_limited"
            assert "try again in" in error["message"]


async def test_too_many_connects_from_an_address_are_refused_before_the_token_is_read(redis_url, places):
    """A flood of nonsense costs the instance next to nothing."""
    few = settings(redis_url, limits=LimitSettings(address_connects=2))
    async with serve(few, today=lambda: TODAY, places=places) as url:
        for _ in range(2):
            assert (await refused(url, token="nonsense"))["code"] == "token_invalid"
        assert (await refused(url, token="nonsense"))["code"] == "rate_limited"


@pytest.mark.parametrize(("trusted", "comes_in"), [((ip_network("127.0.0.0/8"),), True), ((), False)])
async def test_an_address_is_what_trusted_proxies_say(redis_url, places, trusted, comes_in):
    """Two people behind a proxy are two addresses; if nobody trusts it they are one."""
    one = settings(redis_url, limits=LimitSettings(address_connects=1), trusted_proxies=trusted)
    async with serve(one, today=lambda: TODAY, places=places) as url:
        connected = []
        for address in ("203.0.113.1", "203.0.113.2"):
            client = socketio.AsyncClient(reconnection=False)
            with suppress(socketio.exceptions.ConnectionError):
                headers = {"X-Forwarded-For": address}
                await client.connect(url, headers, {"token": token()}, ["websocket"])
            connected.append(client.connected)
            await client.disconnect()
        assert connected == [True, comes_in]


async def test_too_many_questions_are_refused(redis_url, places):
    """The error says when to try again; the question is not kept."""
    few = settings(redis_url, limits=LimitSettings(user_messages=2))
    async with serve(few, today=lambda: TODAY, places=places) as url, chatting(url) as ana:
        await ana.start()
        await ana.ask("hello")
        await ana.ask("hello")
        error = (await ana.send("hello"))["error"]
        assert error["code"] == "rate_limited"
        assert "try again in" in error["message"]
        assert len((await ana.start(ana.session_id))["history"]) == 4


async def test_who_never_says_who_they_are_is_not_waited_for(redis_url, places, monkeypatch):
    """A connection that answers pings but sends no CONNECT is ended."""
    monkeypatch.setattr("chatbot.gateway.gateway.HANDSHAKE_TIMEOUT", 0.05)
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as socket,
    ):
        assert (await socket.receive()).data.startswith("0")
        async with asyncio.timeout(30):
            while not socket.closed:
                await socket.receive()
