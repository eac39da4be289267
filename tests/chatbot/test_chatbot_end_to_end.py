"""The whole, end to end: real Redis, the real sandbox over HTTP, real Socket.IO clients."""

import asyncio
import json
import subprocess
from contextlib import AsyncExitStack

import pytest
import socketio
from support.machine import missing
from support.rig import DEPARTURE, PERGUNTA, QUESTION, chatting, token


async def test_the_second_question_is_answered_from_redis(rig):
    """First the API is asked once; the same question again does not reach it, and tells its age."""
    async with chatting(rig.url) as ana:
        await ana.start()
        await ana.ask(QUESTION)
        (first,) = ana.of("chat:offers")
        assert (first["source"], rig.searches) == ("live", 1)
        await ana.ask(QUESTION)
        (second,) = ana.of("chat:offers")
    assert (second["source"], rig.searches) == ("cache", 1)
    assert second["age"] >= 0
    assert second["fetchedAt"] == first["fetchedAt"]
    assert second["offers"] == first["offers"]


async def test_an_answer_streams_in_order(rig):
    """Text, the tool running, the tool done, offers, text, done: numbered from 1 without a gap."""
    async with chatting(rig.url) as ana:
        await ana.start()
        reply = await ana.ask(QUESTION)
    assert [payload["seq"] for _, payload in ana.events] == list(range(1, len(ana.events) + 1))
    assert {payload["answerId"] for _, payload in ana.events} == {reply["answerId"]}
    assert [payload["state"] for payload in ana.of("chat:tool")] == ["running", "done"]
    order = [name for name, _ in ana.events]
    assert order.index("chat:tool") < order.index("chat:offers") < len(order) - 1
    assert order[-1] == "chat:done"
    assert ana.of("chat:done")[0]["stopReason"] == "end_turn"


async def test_offers_are_for_the_route_and_day_asked_for(rig):
    """Cards show what was asked: São Paulo's airports to Lisbon, leaving on that day."""
    async with chatting(rig.url) as ana:
        await ana.start()
        await ana.ask(QUESTION)
    (found,) = ana.of("chat:offers")
    assert found["search"]["departureDate"] == DEPARTURE.isoformat()
    assert found["offers"]
    for offer in found["offers"]:
        legs = offer["itineraries"][0]["segments"]
        assert legs[0]["origin"] in {"GRU", "CGH", "VCP"}
        assert legs[0]["departsAt"].startswith(f"{DEPARTURE}T")
        assert legs[-1]["destination"] == "LIS"


async def test_the_model_says_that_it_is_the_offline_demo(rig):
    """Nobody is led to believe that Claude answers."""
    async with chatting(rig.url) as ana:
        started = await ana.start()
        await ana.ask(QUESTION)
    assert started["model"] == {"name": "offline-demo", "offline": True}
    assert "offline demo" in ana.text
    assert "not Claude" in ana.text


async def test_two_users_share_the_cache_but_not_the_session(rig):
    """Bob's answer comes from Ana's search; her chat is closed to him."""
    async with chatting(rig.url) as ana, chatting(rig.url, {"token": token("bob")}) as bob:
        await ana.start()
        await bob.start()
        await ana.ask(QUESTION)
        await bob.ask(PERGUNTA)
        assert (bob.of("chat:offers")[0]["source"], rig.searches) == ("cache", 1)
        assert (await bob.start(ana.session_id))["error"]["code"] == "session_not_found"
        assert (await bob.send("hi", sessionId=ana.session_id))["error"]["code"] == "session_not_found"
        history = (await ana.start(ana.session_id))["history"]
    assert [message["role"] for message in history] == ["user", "assistant"]


async def test_a_burst_of_users_asks_the_api_once(rig):
    """Twenty people ask the same at once: one call upstream."""
    async with AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(chatting(rig.url, {"token": token(f"u{number}")}))
            for number in range(20)
        ]
        await asyncio.gather(*(person.start() for person in people))
        await asyncio.gather(*(person.ask(QUESTION) for person in people))
        assert all(len(person.of("chat:offers")) == 1 for person in people)
    assert rig.searches == 1


async def test_a_connected_socket_is_registered_and_bound_to_its_chat(rig):
    """Redis shows who is connected, on which socket, in which chat, in the documented form."""
    async with chatting(rig.url) as ana:
        (key,) = await rig.keys("socket_auth:*")
        assert json.loads(await rig.cache.store.get(key))["userId"] == "ana"
        await ana.start()
        assert json.loads(await rig.cache.store.get(key))["sessionId"] == ana.session_id


async def test_after_a_disconnect_no_socket_key_remains(rig):
    """Neither the socket's key nor an index entry."""
    async with chatting(rig.url) as ana:
        await ana.start()
        assert len(await rig.sockets()) == 3
    await rig.until_no_socket()


async def test_the_cached_search_has_the_documented_key_and_form(rig):
    """amadeus_cache:flights:search:{hash}, 300 s, with data, timestamp and ttl."""
    async with chatting(rig.url) as ana:
        await ana.start()
        await ana.ask(QUESTION)
    (key,) = await rig.keys("amadeus_cache:*")
    assert key.startswith("amadeus_cache:flights:search:")
    header = json.loads((await rig.cache.store.get(key)).partition(b"\n")[0])
    assert (header["ttl"], header["encoding"]) == (300, "zstd")
    # Fresh for 300 s, and an hour more in case the API fails.
    assert 3890 < await rig.cache.store.execute("TTL", key) <= 3900


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({"nothing": 1}, "token_missing"),
        ({"token": ""}, "token_missing"),
        ({"token": 7}, "token_invalid"),
        ({"token": "nonsense"}, "token_invalid"),
        (
            {"token": token(secret="another secret for tests, which is just as long as that of ours is")},
            "token_invalid",
        ),
        ({"token": token(exp=1_000_000_000)}, "token_expired"),
    ],
)
async def test_a_bad_token_is_refused_and_leaves_no_key(rig, auth, code):
    """The client gets a sentence and a code; Redis gets nothing."""
    client = socketio.AsyncClient(reconnection=False)
    refusals = []
    client.on("connect_error", refusals.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(rig.url, auth=auth, transports=["websocket"])
    await client.disconnect()
    assert refusals[0]["data"]["code"] == code
    assert refusals[0]["message"]
    assert await rig.sockets() == []


async def test_a_chat_is_continued_after_a_reconnect(rig):
    """The session outlives the socket: its history comes back, offers included."""
    async with chatting(rig.url) as before:
        await before.start()
        await before.ask(QUESTION)
        said = before.text
    async with chatting(rig.url) as after:
        started = await after.start(before.session_id)
        question, answer = started["history"]
        assert question["text"] == QUESTION
        assert answer["text"].replace("\n\n", "") == said.replace("\n\n", "")
        assert answer["offers"][0]["source"] == "live"
        await after.ask("and on the 14th?")
    assert after.of("chat:offers")[0]["search"]["departureDate"] == "2026-12-14"


async def test_an_answer_goes_on_when_its_socket_is_lost(rig):
    """What was asked is answered and kept, for whoever comes back."""
    async with chatting(rig.url) as ana:
        await ana.start()
        await ana.send(QUESTION)
    async with chatting(rig.url) as back:
        while len(history := (await back.start(ana.session_id))["history"]) < 2:
            await asyncio.sleep(0.01)
    assert "Lisbon" in history[1]["text"]


JS_CLIENT = """
const {io} = require('socket.io-client');
const [url, token, question] = process.argv.slice(1);
const socket = io(url, {auth: {token}, reconnection: false});
const seen = {sources: [], ages: [], text: ''};
const answered = () => new Promise(resolve => socket.once('chat:done', resolve));
socket.on('chat:delta', d => { seen.text += d.text; });
socket.on('chat:offers', o => { seen.sources.push(o.source); seen.ages.push(o.age); seen.total = o.total; });
socket.on('connect_error', e => { console.log(JSON.stringify({refused: e.message, data: e.data})); });
socket.on('connect', async () => {
  const {sessionId} = await socket.emitWithAck('chat:start', {});
  for (const messageId of ['m1', 'm2']) {
    const done = answered();
    const ack = await socket.emitWithAck('chat:message', {sessionId, messageId, text: question});
    seen.done = await done;
    seen.ok = ack.ok;
  }
  seen.transport = socket.io.engine.transport.name;
  console.log(JSON.stringify(seen));
  socket.disconnect();
});
"""


@pytest.fixture
def run_js(node, root):
    """Runs a script with the official client of the page's own installation."""
    modules = root / "chatbot/web/node_modules"
    if not (modules / "socket.io-client").exists():
        missing("installed socket.io-client (make page)")

    async def run(*arguments):
        process = await asyncio.create_subprocess_exec(
            *(node, "-e", JS_CLIENT, *arguments),
            env={"NODE_PATH": str(modules), "PATH": ""},
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        return json.loads(output)

    return run


async def test_the_official_client_gets_the_same(rig, run_js):
    """socket.io-client: first live, then from the cache, over a websocket it has upgraded to."""
    seen = await run_js(rig.url, token(), QUESTION)
    assert (seen["ok"], seen["sources"], rig.searches) == (True, ["live", "cache"], 1)
    assert seen["ages"][1] >= 0
    assert seen["done"]["stopReason"] == "end_turn"
    assert "Lisbon" in seen["text"]
    await rig.until_no_socket()


async def test_the_official_client_is_told_why_it_is_refused(rig, run_js):
    """connect_error carries the sentence, and the code as data."""
    seen = await run_js(rig.url, token(exp=1_000_000_000), QUESTION)
    assert seen["data"]["code"] == "token_expired"
    assert "expired" in seen["refused"]
