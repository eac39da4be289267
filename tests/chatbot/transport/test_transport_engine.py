"""The Engine.IO protocol: handshake, both transports, heartbeat, upgrade, close."""

import asyncio
import json

import aiohttp
import pytest


async def opened(stage):
    async with stage.http.get(f"{stage.url}/socket.io/?EIO=4&transport=polling") as response:
        text = await response.text()
    assert text[0] == "0"
    return json.loads(text[1:])


async def test_a_session_opens_with_facts_in_milliseconds(stage):
    """The greeting tells fractions of a second, the limit, and which upgrade there is."""
    await stage.serve(ping_interval=0.25, ping_timeout=0.5, max_payload=1000)
    greeting = await opened(stage)
    assert greeting.pop("sid")
    assert greeting == {
        "upgrades": ["websocket"],
        "pingInterval": 250,
        "pingTimeout": 500,
        "maxPayload": 1000,
    }


async def test_a_websocket_opens_without_upgrades_and_without_deflate(stage):
    """The greeting offers no upgrade, and the handshake no compression, though the client would take it."""
    await stage.serve()
    client = await stage.open(compress=15)
    assert json.loads((await client.said())[1:])["upgrades"] == []
    assert client.socket.compress == 0


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", "transport=polling"),
        ("GET", "EIO=abc&transport=polling"),
        ("GET", "EIO=3&transport=polling"),
        ("GET", "EIO=4"),
        ("GET", "EIO=4&transport=abc"),
        ("GET", "EIO=4&transport=websocket"),
        ("GET", "EIO=4&transport=polling&sid=abc"),
        ("POST", "EIO=4&transport=polling"),
        ("PUT", "EIO=4&transport=polling"),
        ("DELETE", "EIO=4&transport=polling&sid=abc"),
    ],
)
async def test_a_wrong_request_is_refused_and_leaves_nothing(stage, method, query):
    """Status 400, as the protocol asks, and no session."""
    server = await stage.serve()
    async with stage.http.request(method, f"{stage.url}/socket.io/?{query}") as response:
        assert response.status == 400
    assert server.transports == 0


async def test_a_websocket_of_an_unknown_session_or_version_is_refused(stage):
    """Before the handshake, so that no websocket is opened."""
    server = await stage.serve()
    for query in ("EIO=3&transport=websocket", "EIO=4&transport=websocket&sid=abc", "transport=websocket"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stage.open(query)
        assert refused.value.status == 400
    assert server.transports == 0


async def test_a_broken_websocket_handshake_leaves_nothing(stage):
    """An upgrade without a key fails, and its connection is forgotten."""
    server = await stage.serve()
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with stage.http.get(
        f"{stage.url}/socket.io/?EIO=4&transport=websocket", headers=headers
    ) as response:
        assert response.status == 400
    assert (server.transports, stage.gone) == (0, [])


async def test_origins_are_asked_for(stage):
    """A page of another origin is refused on both transports; the rule sees the origin and the environ."""
    seen = []
    server = await stage.serve(origins=lambda origin, environ: seen.append((origin, environ["HTTP_HOST"])))
    for transport in ("polling", "websocket"):
        url = f"{stage.url}/socket.io/?EIO=4&transport={transport}"
        async with stage.http.get(url, headers={"Origin": "https://evil.example"}) as response:
            assert response.status == 400
    assert set(seen) == {("https://evil.example", f"127.0.0.1:{stage.port}")}
    assert server.transports == 0


@pytest.mark.parametrize(("origin", "status"), [("", 200), ("https://evil.example", 400)])
async def test_by_default_only_the_own_origin_may(stage, origin, status):
    """Same origin, unless the composition says otherwise; CORS tells the browser."""
    await stage.serve()
    origin = origin or stage.url
    url = f"{stage.url}/socket.io/?EIO=4&transport=polling"
    async with stage.http.get(url, headers={"Origin": origin}) as response:
        assert response.status == status
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)


async def test_polling_carries_events_and_acknowledgements(stage):
    """A whole exchange by GET and POST, several packets a request, with a binary one among them."""
    await stage.serve()
    sid = (await opened(stage))["sid"]
    assert await stage.post(sid, "40") == "ok"
    assert (await stage.poll(sid)).startswith('40{"sid"')
    assert (
        await stage.post(sid, '421["echo",1]\x1e451-2["echo",{"_placeholder":true,"num":0}]\x1ebYWI=') == "ok"
    )
    got = ""
    while got.count('"ok"') < 2:
        got += await stage.poll(sid)
    assert stage.order == [1, b"ab"]


@pytest.mark.parametrize(
    "body", [b"abc", b"", b"0", b"4abc", b"bnotbase64!", b"\xff", b"40\x1e42{}", b"5", b"2"]
)
async def test_a_post_that_is_no_packet_ends_the_session(stage, body):
    """Status 400, and the session is gone."""
    server = await stage.serve()
    sid = (await opened(stage))["sid"]
    assert await stage.post(sid, body) == "400"
    assert await stage.poll(sid) == "400"
    assert (server.transports, server.lost) == (0, {"malformed": 1})


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_post_above_the_limit_is_refused(stage, chunked):
    """Told by its length or found while reading: nothing of it is taken."""
    server = await stage.serve(max_payload=100)
    sid = (await opened(stage))["sid"]

    async def body():
        yield b"4" * 60
        yield b"4" * 60

    assert await stage.post(sid, body() if chunked else b"4" * 120) == "400"
    assert server.lost == {"too_large": 1}


async def test_two_polls_at_once_end_the_session(stage):
    """The first is answered with CLOSE, the second and all later ones with 400."""
    await stage.serve()
    sid = (await opened(stage))["sid"]
    first = asyncio.create_task(stage.poll(sid))
    connection = stage.server._dispatcher.eio.sockets[sid]
    await stage.until(lambda: connection.polled)
    assert await stage.poll(sid) == "400"
    assert await first == "1"
    assert await stage.poll(sid) == "400"


async def test_a_client_that_closes_by_post_has_its_poll_answered(stage):
    """The pending poll gets NOOP, the next one 400."""
    await stage.serve()
    sid = (await opened(stage))["sid"]
    pending = asyncio.create_task(stage.poll(sid))
    connection = stage.server._dispatcher.eio.sockets[sid]
    await stage.until(lambda: connection.polled)
    assert await stage.post(sid, "1") == "ok"
    assert await pending == "6"
    assert await stage.poll(sid) == "400"


async def test_polling_is_pinged_and_ends_without_a_pong(stage):
    """PING comes as a packet; a pong goes on, silence ends the session."""
    server = await stage.serve(ping_interval=0.02, ping_timeout=0.1)
    sid = (await opened(stage))["sid"]
    assert await stage.poll(sid) == "2"
    assert await stage.post(sid, "3") == "ok"
    assert await stage.poll(sid) == "2"
    await stage.until(lambda: not server.transports)
    assert server.lost == {"timeout": 1}
    assert await stage.poll(sid) == "400"


async def test_a_websocket_is_pinged_and_ends_without_a_pong(stage):
    """As many pings as pongs and one; then the member is gone, for that reason."""
    server = await stage.serve(ping_interval=0.02, ping_timeout=0.1)
    client = await stage.join()
    for _ in range(3):
        assert await client.said() == "2"
        await client.say("3")
    assert await client.rest() in (["2"], [])
    await stage.until(lambda: stage.gone)
    assert stage.gone == [(client.sid, "timeout")]
    assert len(server) == 0


async def test_a_pong_that_nobody_asked_for_changes_nothing(stage):
    """Neither ends the connection nor puts off its ping."""
    await stage.serve()
    client = await stage.join()
    for packet in ("3", "3probe", '421["echo",1]'):
        await client.say(packet)
    assert await client.said() == '431[{"ok":true,"echo":1}]'


@pytest.mark.parametrize("packet", ["abc", "", "0", "2", "5", "6", "7", "9", "4abc", "\x1e"])
async def test_a_packet_that_a_client_may_not_send_closes_the_websocket(stage, packet):
    """Protocol error, told with the close code; the member is gone."""
    await stage.serve()
    client = await stage.join()
    await client.say(packet)
    assert await client.rest() == []
    assert client.socket.close_code == 1002
    assert stage.gone == [(client.sid, "malformed")]


@pytest.mark.parametrize("goodbye", ["1", None])
async def test_a_client_that_closes_is_gone_at_once(stage, goodbye):
    """By packet or by the websocket's own close frame: reason "client"."""
    server = await stage.serve()
    client = await stage.join()
    if goodbye:
        await client.say(goodbye)
        assert await client.rest() == []
    else:
        await client.socket.close()
    await stage.until(lambda: not server.transports)
    assert stage.gone == [(client.sid, "client")]


async def upgraded(stage, sid):
    client = await stage.open(f"EIO=4&transport=websocket&sid={sid}")
    await client.say("2probe")
    assert await client.said() == "3probe"
    await client.say("5")
    return client


async def test_polling_is_upgraded_and_keeps_order(stage):
    """What was sent while it changed over arrives by the websocket, once, in order."""
    server = await stage.serve()
    sid = (await opened(stage))["sid"]
    await stage.post(sid, "40")
    await stage.poll(sid)
    pending = asyncio.create_task(stage.poll(sid))
    connection = server._dispatcher.eio.sockets[sid]
    await stage.until(lambda: connection.polled)
    client = await stage.open(f"EIO=4&transport=websocket&sid={sid}")
    await client.say("2probe")
    assert await client.said() == "3probe"
    assert await pending == "6"
    for number in range(3):
        assert server.push(stage.came[0], "n", {"n": number})
    assert await stage.poll(sid) == "6"
    await client.say("5")
    assert [await client.said() for _ in range(3)] == [f'42["n",{{"n":{n}}}]' for n in range(3)]
    assert await stage.poll(sid) == "400"
    assert await stage.post(sid, '42["echo"]') == "400"
    await client.say('421["echo",1]')
    assert await client.said() == '431[{"ok":true,"echo":1}]'


async def test_a_second_websocket_of_a_session_is_refused(stage):
    """While it upgrades and after; the first one goes on."""
    server = await stage.serve()
    sid = (await opened(stage))["sid"]
    first = await stage.open(f"EIO=4&transport=websocket&sid={sid}")
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await stage.open(f"EIO=4&transport=websocket&sid={sid}")
        if server._dispatcher.eio.sockets[sid].upgraded:
            break
        await first.say("2probe")
        assert await first.said() == "3probe"
        await first.say("5")
        await stage.until(lambda: server._dispatcher.eio.sockets[sid].upgraded)
    await first.say("40")
    assert (await first.said()).startswith("40")


@pytest.mark.parametrize("said", [["nonsense"], ["2probe", "nonsense"], ["2probe", "1"], []])
async def test_a_failed_upgrade_leaves_polling_as_it_was(stage, said):
    """The websocket is dropped, the session polls on and may try again."""
    await stage.serve(handshake_timeout=0.3 if not said else 10)
    sid = (await opened(stage))["sid"]
    client = await stage.open(f"EIO=4&transport=websocket&sid={sid}")
    await stage.post(sid, "40")
    for packet in said:
        await client.say(packet)
    await client.rest()
    assert (await stage.poll(sid)).startswith("40")
    assert await (await upgraded(stage, sid)).socket.close()


async def test_a_session_that_ends_takes_its_probing_websocket_along(stage):
    """No websocket is left over without a session."""
    server = await stage.serve()
    sid = (await opened(stage))["sid"]
    client = await stage.open(f"EIO=4&transport=websocket&sid={sid}")
    await client.say("2probe")
    assert await client.said() == "3probe"
    assert await stage.post(sid, "1") == "ok"
    assert await client.rest() == []
    assert server.transports == 0
