"""Handshakes and events of the Socket.IO protocol: order, caps, and everything a client may get wrong."""

import asyncio
import json

import pytest

from chatbot.transport import ConnectRefused


async def test_connect_gets_the_request_and_the_auth_payload(stage):
    """Whatever JSON the client sends as auth, None without any."""
    seen = []

    async def connect(sid, request, auth):
        seen.append((request.query["transport"], auth))

    await stage.serve(connect=connect)
    for auth in ("", '{"token":"a,b/?"}', "[]", '"text"'):
        client = await stage.open()
        await client.said()
        await client.say("40" + auth)
        assert (await client.said()).startswith('40{"sid":')
    assert seen == [("websocket", a) for a in (None, {"token": "a,b/?"}, [], "text")]


async def test_a_refused_client_learns_the_code_and_may_try_again(stage):
    """CONNECT_ERROR with the code in `data`; the same connection can connect afterwards."""
    server = await stage.serve()
    client = await stage.open()
    await client.said()
    await client.say('40{"token":"bad"}')
    assert json.loads((await client.said())[2:]) == {
        "message": "This token is not valid.",
        "data": {"code": "token_invalid", "message": "This token is not valid."},
    }
    assert (len(server), stage.gone) == (0, [])
    await client.say("40")
    assert (await client.said()).startswith("40")
    assert list(server.sids) == stage.came


async def test_a_connect_handler_that_raises_refuses(stage, caplog):
    """The client learns that the server failed, the log why; the handler is not run again."""
    await stage.serve()
    client = await stage.open()
    await client.said()
    await client.say('40{"token":"boom"}')
    assert json.loads((await client.said())[2:])["data"]["code"] == "internal"
    assert caplog.text.count("The connect handler raised") == stage.asked == 1
    assert stage.gone == []


async def test_an_unknown_namespace_is_refused(stage):
    """As the protocol's own server words it; the main namespace is open still."""
    await stage.serve()
    client = await stage.open()
    await client.said()
    await client.say("40/admin,")
    assert await client.said() == '44/admin,{"message":"Invalid namespace"}'
    await client.say("40")
    assert (await client.said()).startswith("40{")


async def test_who_never_connects_is_reaped(stage):
    """It may answer pings for ever: its connection ends, and `disconnected` has nothing to tell."""
    server = await stage.serve(handshake_timeout=0.1)
    client = await stage.open()
    await client.said()
    await client.say("40/admin,")
    assert (await client.rest())[1:] == []
    await stage.until(lambda: not server.transports)
    assert (server.lost, stage.gone) == ({"handshake": 1}, [])


async def test_who_connects_in_time_stays(stage):
    """The deadline is for the handshake only."""
    server = await stage.serve(handshake_timeout=0.1)
    client = await stage.join()
    idle = await stage.open()
    await idle.rest()
    await client.say('421["echo",1]')
    assert await client.said() == '431[{"ok":true,"echo":1}]'
    assert len(server) == 1


async def test_who_leaves_the_namespace_has_to_come_back_in_time(stage):
    """DISCONNECT ends the member; its connection may connect anew, or is reaped."""
    server = await stage.serve(handshake_timeout=0.2)
    client = await stage.join()
    await client.say("41")
    await stage.until(lambda: stage.gone)
    assert (stage.gone, len(server), server.transports) == ([(client.sid, "client")], 0, 1)
    await client.say("40")
    assert (await client.said()).startswith("40")
    await client.say("41")
    assert await client.rest() == []
    assert stage.gone == [(sid, "client") for sid in stage.came]


async def test_so_many_may_be_in_their_handshake_and_no_more(stage):
    """Whoever is through with it makes room; those who are connected are not counted."""
    await stage.serve(max_handshakes=2)
    waiting = [await stage.open() for _ in range(2)]
    async with stage.http.get(f"{stage.url}/socket.io/?EIO=4&transport=polling") as reply:
        assert reply.status == 503
    await waiting[0].said()
    await waiting[0].say("40")
    await waiting[0].said()
    async with stage.http.get(f"{stage.url}/socket.io/?EIO=4&transport=polling") as reply:
        assert reply.status == 200


async def test_leaving_again_and_again_puts_no_deadline_off(stage):
    """Who has never connected has nothing to leave: the deadline of the first request holds."""
    server = await stage.serve(handshake_timeout=0.3)
    client = await stage.open()
    await client.said()

    async def leave() -> None:
        while True:
            await client.say("41")
            await asyncio.sleep(0.05)

    leaving = asyncio.create_task(leave())
    try:
        assert await client.rest() == []
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    await stage.until(lambda: not server.transports)
    assert (server.lost, stage.gone) == ({"handshake": 1}, [])


async def test_what_waited_when_a_member_left_is_not_run_for_who_comes_next(stage):
    """The same connection, another member: the events of the one before are dropped."""
    await stage.serve()
    client = await stage.join()
    await client.say('420["wait","running"]')
    await stage.until(lambda: stage.asked == 2)
    for packet in ('421["echo","waiting"]', "41", "40"):
        await client.say(packet)
    await stage.until(lambda: stage.gone)
    stage.gate.set()
    while not (await client.said()).startswith("40"):
        pass
    await client.say('422["echo","next"]')
    assert (await client.said()).startswith("432")
    assert stage.order == ["running", "next"]


async def test_a_client_that_goes_during_connect_is_told_of_once(stage):
    """The handler is not cancelled: when it has succeeded, `disconnected` follows at once."""
    server = await stage.serve()
    client = await stage.open()
    await client.said()
    await client.say('40{"token":"wait"}')
    await stage.until(lambda: stage.asked)
    await client.socket.close()
    await stage.until(lambda: not server.transports)
    assert stage.gone == []
    stage.gate.set()
    await stage.until(lambda: stage.gone)
    assert stage.gone == [(stage.came[0], "client")]
    assert len(server) == 0


async def test_a_connect_that_takes_too_long_is_cut_off(stage):
    """At the deadline, for the client; the handler ends when it ends."""
    await stage.serve(handshake_timeout=0.1)
    client = await stage.open()
    await client.said()
    await client.say('40{"token":"wait"}')
    assert await client.rest() == []
    stage.gate.set()
    await stage.until(lambda: stage.gone)
    assert stage.gone == [(stage.came[0], "handshake")]


async def test_nothing_is_pushed_before_connect_has_succeeded(stage):
    """CONNECT is the first packet that a member gets."""
    pushed = []

    async def connect(sid, request, auth):
        pushed.append(stage.server.push(sid, "early", {}))
        if auth:
            raise ConnectRefused("no", "No.")

    server = await stage.serve(connect=connect)
    client = await stage.open()
    await client.said()
    await client.say("40")
    assert (await client.said()).startswith("40")
    assert pushed == [False]
    assert len(server) == 1


async def test_events_of_one_socket_run_in_order_one_at_a_time(stage):
    """Those behind a slow one wait; another socket's do not."""
    await stage.serve()
    slow, other = await stage.join(), await stage.join()
    await slow.say('421["wait",0]')
    for number in range(1, 6):
        await slow.say(f'42{number + 1}["echo",{number}]')
    await other.say('421["echo","other"]')
    assert await other.said() == '431[{"ok":true,"echo":"other"}]'
    assert stage.order == ["other"]
    stage.gate.set()
    assert [(await slow.said())[:3] for _ in range(6)] == ["431", "432", "433", "434", "435", "436"]
    assert stage.order == ["other", 0, 1, 2, 3, 4, 5]


async def test_events_sent_before_connect_was_answered_wait_for_it(stage):
    """A handshake is the first thing in the line, and pongs pass by it."""
    await stage.serve(ping_interval=0.02, ping_timeout=5)
    client = await stage.open()
    await client.said()
    await client.say('40{"token":"wait"}')
    await client.say('421["echo",1]')
    assert await client.said() == "2"
    await client.say("3")
    assert await client.said() == "2"
    stage.gate.set()
    assert (await client.said()).startswith("40")
    assert (await client.said()).startswith("431")


async def test_events_above_the_cap_are_answered_at_once(stage):
    """One runs, `max_waiting` wait, the others are told that it is too much; none of the rest is lost."""
    await stage.serve(max_waiting=3)
    client = await stage.join()
    await client.say('420["wait",0]')
    await stage.until(lambda: stage.asked == 2)
    for number in range(1, 6):
        await client.say(f'42{number}["echo",{number}]')
    overloaded = [await client.said() for _ in range(2)]
    assert overloaded == [f'43{n}[{{"error":"overloaded"}}]' for n in (4, 5)]
    stage.gate.set()
    assert [(await client.said())[:3] for _ in range(4)] == ["430", "431", "432", "433"]
    assert stage.order == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "name", ["nope", "connect", "disconnect", "*", "message", "", "__init__", "x" * 60_000]
)
async def test_an_unknown_event_is_answered_and_harms_nothing(stage, name):
    """Also one that is named like something of the library's."""
    await stage.serve()
    client = await stage.join()
    await client.say("42" + json.dumps([name, {}]))
    await client.say("427" + json.dumps([name, {}]))
    assert await client.said() == '437[{"error":"unknown"}]'
    assert stage.gone == []


async def test_a_handler_that_raises_harms_only_its_event(stage, caplog):
    """The client is told, the log has the reason, the next event runs."""
    await stage.serve()
    client = await stage.join()
    await client.say('421["boom",{"secret":"do not log me"}]')
    await client.say('422["echo",2]')
    assert await client.said() == '431[{"error":"failed"}]'
    assert await client.said() == '432[{"ok":true,"echo":2}]'
    assert "the handler's own fault" in caplog.text
    assert "do not log me" not in caplog.text


async def test_an_answer_that_is_no_json_is_the_handlers_fault(stage, caplog):
    """As if it had raised."""
    server = await stage.serve()

    async def answer(sid, payload):
        return {"value": object()}

    server.on("bad", answer)
    client = await stage.join()
    await client.say('421["bad"]')
    assert await client.said() == '431[{"error":"failed"}]'
    assert "no JSON for object" in caplog.text


async def test_an_event_without_an_id_is_not_acknowledged(stage):
    """It runs all the same; its payload is None where it has none, and further arguments are ignored."""
    await stage.serve()
    client = await stage.join()
    await client.say('42["echo"]')
    await client.say('42["echo",1,2,3]')
    await client.say('4207["echo",{"a":"ü\\ud83d\\ude00"}]')
    assert await client.said() == '4307[{"ok":true,"echo":{"a":"ü😀"}}]'
    assert stage.order == [None, 1, {"a": "ü😀"}]


async def test_half_a_surrogate_pair_is_mended(stage):
    """A text that a browser cut in the middle of an emoji is no reason to disconnect."""
    await stage.serve()
    client = await stage.join()
    await client.say('421["echo","cut \\ud83d"]')
    assert await client.said() == '431[{"ok":true,"echo":"cut ?"}]'


async def test_binary_attachments_are_put_in_their_places(stage):
    """The event waits for them, keeps its place in the order, and is acknowledged."""
    server = await stage.serve()
    seen = []

    async def take(sid, payload):
        seen.append(payload)
        return {}

    server.on("file", take)
    client = await stage.join()
    await client.say('452-7["file",{"b":{"_placeholder":true,"num":1},"a":[{"_placeholder":true,"num":0}]}]')
    await client.say(b"first")
    await client.say(b"\x00\xff")
    assert await client.said() == "437[{}]"
    assert seen == [{"b": b"\x00\xff", "a": [b"first"]}]


@pytest.mark.parametrize(
    "said",
    [
        [b"out of nowhere"],
        ['451-["echo",{"_placeholder":true,"num":0}]', "40"],
        ['451-["echo",{"_placeholder":true,"num":0}]', '42["echo"]'],
        ['451-["echo",{"_placeholder":true,"num":7}]', b"x"],
        ['451-["echo",{"_placeholder":true,"num":"a"}]', b"x"],
        ['451-["echo",{"_placeholder":true,"num":{}}]', b"x"],
        ["451-{}", b"x"],
        ["451-[]", b"x"],
        ["451-", b"x"],
        ["450-[]"],
        ["4517-[]"],
        ["4599999999999-[]"],
        ["461-[1]", b"x"],
        ['451-/other,["echo"]'],
    ],
)
async def test_attachments_that_do_not_fit_close_the_connection(stage, said):
    """Too few, too many, none wanted, for another place."""
    server = await stage.serve()
    client = await stage.join()
    for packet in said:
        await client.say(packet)
    assert await client.rest() == []
    assert (stage.gone, server.lost) == ([(client.sid, "malformed")], {"malformed": 1})
    assert stage.order == []


async def test_attachments_together_keep_to_the_limit(stage):
    """Each may be small enough, their sum has to be as well."""
    await stage.serve(max_payload=1000)
    client = await stage.join()
    await client.say('452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    await client.say(b"x" * 600)
    await client.say(b"x" * 600)
    assert await client.rest() == []
    assert stage.gone == [(client.sid, "malformed")]


@pytest.mark.parametrize(
    "packet",
    [
        "42",
        "42{}",
        "42[]",
        "42[1]",
        '42"echo"',
        '42["echo",',
        '42["echo",NaN]',
        '42["echo"]]',
        "42" + "[" * 60_000,
        '42["echo",' + "[" * 20_000 + "]" * 20_000 + "]",
        '42["echo",' + '{"a":' * 9_000 + "1" + "}" * 9_000 + "]",
        '42["echo",' + "9" * 60_000 + "]",
        "42" + "9" * 60_000 + '["echo"]',
        '42abc["echo"]',
        '42²["echo"]',
        '42/other,["echo"]',
        "40",
        "44{}",
        "47",
        "4a",
        "4",
    ],
)
async def test_what_is_no_packet_closes_the_connection(stage, packet):
    """Deep, huge or malformed: no handler runs, nobody else notices."""
    await stage.serve()
    client, other = await stage.join(), await stage.join()
    await client.say(packet)
    assert await client.rest() == []
    assert stage.gone == [(client.sid, "malformed")]
    await other.say('421["echo",1]')
    assert await other.said() == '431[{"ok":true,"echo":1}]'


@pytest.mark.parametrize("packet", ['42["echo"]', "451-[]", '421["echo"]', b"x"])
async def test_events_before_any_connect_close_the_connection(stage, packet):
    """Nothing runs for whom nobody has let in."""
    server = await stage.serve()
    client = await stage.open()
    await client.said()
    await client.say(packet)
    assert await client.rest() == []
    assert (stage.order, server.lost) == ([], {"malformed": 1})


@pytest.mark.parametrize("packet", ["431[1]", "43[]", "41/other,"])
async def test_packets_about_nothing_are_ignored(stage, packet):
    """An acknowledgement that nobody asked for; the end of what never began."""
    await stage.serve()
    client = await stage.join()
    await client.say(packet)
    await client.say('421["echo",1]')
    assert await client.said() == '431[{"ok":true,"echo":1}]'


@pytest.mark.parametrize(("size", "passes"), [(65_536, True), (65_537, False)])
async def test_a_message_may_be_as_long_as_the_limit(stage, size, passes):
    """And not a byte longer: too big, by close code 1009."""
    server = await stage.serve()
    client = await stage.join()
    packet = '421["echo","'
    await client.say(packet + "x" * (size - len(packet) - 2) + '"]')
    if passes:
        assert (await client.said()).startswith('431[{"ok":true')
    else:
        assert await client.rest() == []
        assert client.socket.close_code == 1009
        await stage.until(lambda: stage.gone)
        assert stage.gone == [(client.sid, "too_large")]
        assert server.lost == {"too_large": 1}


async def test_a_hundred_clients_at_once_each_get_their_own(stage):
    """Order holds for each; no answer goes astray."""
    await stage.serve()

    async def talk():
        client = await stage.join()
        for number in range(20):
            await client.say(f'42{number}["echo","{client.sid}"]')
            assert await client.said() == f'43{number}[{{"ok":true,"echo":"{client.sid}"}}]'

    await asyncio.gather(*(talk() for _ in range(100)))
    assert len(stage.order) == 2000
