"""The gateway at its edges: bad payloads, stops, losses, and the moments in between."""

import asyncio
import json
import logging
import re
import signal
import sys
import time
from pathlib import Path

import aiohttp
import pytest
import socketio
from support.machine import missing
from support.rig import QUESTION, TODAY, chatting, settings, token

from cachekit.core.clock import SystemClock
from cachekit.core.embedded import EmbeddedServer
from cachekit.socket_auth import SocketAuthRepository
from chatbot.answers import Answers
from chatbot.app import serve
from chatbot.gateway.gateway import MAX_PAYLOAD
from chatbot.page import DIST
from chatbot.sessions import SessionRepository


@pytest.mark.parametrize(
    ("event", "payload", "named"),
    [
        ("chat:start", {"sessionId": "a b"}, "sessionId"),
        ("chat:start", {"sessionId": 7}, "sessionId"),
        ("chat:start", {"more": 1}, "more"),
        ("chat:start", "text", "StartChat"),
        ("chat:message", {}, "sessionId"),
        ("chat:message", None, "SendMessage"),
        ("chat:message", {"sessionId": "s", "messageId": "m", "text": ""}, "text"),
        ("chat:message", {"sessionId": "s", "messageId": "m", "text": " \n "}, "text"),
        ("chat:message", {"sessionId": "s", "messageId": "m", "text": "x" * 4_001}, "text"),
        ("chat:message", {"sessionId": "s", "messageId": "m" * 65, "text": "x"}, "messageId"),
        ("chat:stop", {"answerId": None}, "answerId"),
    ],
)
async def test_a_payload_that_does_not_fit_is_named(rig, event, payload, named):
    """The acknowledgement says which field breaks which rule; the connection stays."""
    async with chatting(rig.url) as ana:
        await ana.start()
        reply = await ana.client.call(event, payload)
        assert reply["error"]["code"] == "invalid_message"
        assert named in reply["error"]["message"]
        assert (await ana.start())["ok"]


async def test_a_message_before_a_chat_is_refused(rig):
    """There is no session to put it in."""
    async with chatting(rig.url) as ana:
        assert (await ana.send("hi", sessionId="nowhere"))["error"]["code"] == "session_not_found"


async def test_a_question_sent_twice_is_answered_once(rig):
    """A retry under the same id gets the same answer's id, and no second answer."""
    async with chatting(rig.url) as ana:
        await ana.start()
        first = await ana.ask(QUESTION, messageId="m1")
        second = await ana.send(QUESTION, messageId="m1")
        assert second == first
        assert len((await ana.start(ana.session_id))["history"]) == 2
    assert rig.searches == 1


async def test_a_question_sent_again_while_it_is_answered_is_recognised(redis_url, places):
    """The acknowledgement was lost, and the client asks again: it gets the same answer's id, not "busy"."""
    async with (
        serve(settings(redis_url, pace=30), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
    ):
        await ana.start()
        first = await ana.send("hello", messageId="m1")
        assert first["ok"]
        assert await ana.send("hello", messageId="m1") == first


async def test_a_socket_ends_with_its_token(redis_url, places, monkeypatch):
    """Once the token has expired every request is refused with the code that leads to the login."""
    async with serve(settings(redis_url), today=lambda: TODAY, places=places) as url, chatting(url) as ana:
        await ana.start()
        monkeypatch.setattr(SystemClock, "time", lambda _: time.time() + 3_600)
        assert (await ana.send("hello"))["error"]["code"] == "token_expired"
        assert (await ana.start())["error"]["code"] == "token_expired"


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://shop.example", 101), ("own", 101), (None, 101), ("https://evil.example", 400)],
)
async def test_only_known_pages_may_connect(redis_url, places, origin, status):
    """The gateway's own page and those in the settings; a foreign page gets no socket."""
    allowed = settings(redis_url, origins=("https://shop.example",))
    async with (
        serve(allowed, today=lambda: TODAY, places=places) as url,
        aiohttp.ClientSession() as http,
    ):
        headers = {} if origin is None else {"Origin": url if origin == "own" else origin}
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        address = f"{url}/socket.io/?EIO=4&transport=websocket"
        async with http.get(address, headers={**upgrade, **headers}) as reply:
            assert reply.status == status


async def test_a_question_whose_instance_died_is_answered_on_retry(rig):
    """It was kept but never answered: sent again under its id it is answered, under the same answer's id."""
    async with chatting(rig.url) as ana:
        await ana.start()
        sessions = SessionRepository(rig.cache)
        question = {"message_id": "m1", "answer_id": "a1", "text": QUESTION}
        await sessions.add_question(ana.session_id, "ana", **question, writer="dead")
        await sessions.release(ana.session_id, "a1", "dead")
        assert (await ana.ask(QUESTION, messageId="m1"))["answerId"] == "a1"
        history = (await ana.start(ana.session_id))["history"]
    assert [message["role"] for message in history] == ["user", "assistant"]


async def test_every_tab_of_a_chat_gets_the_answer(rig):
    """A second tab, or the same after a reload, hears what is being written."""
    async with chatting(rig.url) as ana, chatting(rig.url) as tab:
        await ana.start()
        await tab.start(ana.session_id)
        await ana.ask(QUESTION)
        await tab.done.wait()
    assert tab.of("chat:offers") == ana.of("chat:offers")


async def test_who_comes_back_is_told_that_an_answer_is_being_written(redis_url, places):
    """The acknowledgement of chat:start names it, and a stop reaches it from the new socket."""
    async with serve(settings(redis_url, pace=30), today=lambda: TODAY, places=places) as url:
        async with chatting(url) as ana:
            assert (await ana.start())["answering"] is None
            answer_id = (await ana.send("hello"))["answerId"]
        async with chatting(url) as back:
            assert (await back.start(ana.session_id))["answering"] == answer_id
            assert (await back.call("chat:resume", {"answerId": answer_id}))["found"]
            assert (await back.client.call("chat:stop", {"answerId": answer_id}))["stopped"]
            await back.done.wait()
            assert (await back.start(ana.session_id))["answering"] is None


async def test_an_answer_that_ends_while_a_chat_is_started_is_not_lost(redis_url, places, monkeypatch):
    """It is being written, or in the history; a page that got neither would show a question without one."""
    async with (
        serve(settings(redis_url, pace=0.01), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
        chatting(url) as tab,
    ):
        await ana.start()
        await ana.send("hello")
        look = Answers.come_back

        async def look_late(answers, *arguments):
            await ana.done.wait()
            return await look(answers, *arguments)

        monkeypatch.setattr(Answers, "come_back", look_late)
        started = await tab.start(ana.session_id)
        assert started["answering"] is None
        assert len(started["history"]) == 2


async def test_what_only_the_model_reads_is_not_sent(rig):
    """The page's history has text and offers, and no tool results."""
    async with chatting(rig.url) as ana:
        await ana.start()
        await ana.ask(QUESTION)
        history = (await ana.start(ana.session_id))["history"]
    assert all("turns" not in message for message in history)


async def test_a_socket_that_redis_forgot_is_registered_anew_by_its_activity(rig):
    """Redis came back empty: starting the chat again puts the socket back."""
    async with chatting(rig.url) as ana:
        await ana.start()
        (key,) = await rig.keys("socket_auth:*")
        await rig.cache.store.unlink(key)
        await ana.start(ana.session_id)
        assert json.loads(await rig.cache.store.get(key))["sessionId"] == ana.session_id


async def test_a_flood_of_requests_is_cut_short(rig):
    """One socket has at most so many requests waiting; the others are refused at once."""
    async with chatting(rig.url) as ana:
        replies = await asyncio.gather(*(ana.client.call("chat:start", {}) for _ in range(200)))
    refused = [reply["error"]["code"] for reply in replies if not reply["ok"]]
    assert set(refused) == {"busy"}
    assert len(await rig.keys("chat_session:*")) == 200 - len(refused)


async def test_one_answer_at_a_time(redis_url, places):
    """A second question while an answer is being written is refused as busy; stop frees the chat."""
    async with (
        serve(settings(redis_url, pace=30), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
    ):
        await ana.start()
        answer_id = (await ana.send("hello"))["answerId"]
        refused = await ana.client.call(
            "chat:message", {"sessionId": ana.session_id, "messageId": "m2", "text": "hi"}
        )
        assert refused["error"]["code"] == "busy"
        assert await ana.client.call("chat:stop", {"answerId": "other"}) == {"ok": True, "stopped": False}
        assert await ana.client.call("chat:stop", {"answerId": answer_id}) == {"ok": True, "stopped": True}
        await ana.done.wait()
        assert ana.of("chat:done")[0]["stopReason"] == "stopped"
        assert (await ana.send("hi"))["ok"]


async def test_a_stopped_answer_keeps_what_was_written(redis_url, places):
    """The partial text is in the history after a stop."""
    async with (
        serve(settings(redis_url, pace=0.01), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
    ):
        await ana.start()
        answer_id = (await ana.send("hello"))["answerId"]
        while not ana.text:
            await asyncio.sleep(0.001)
        await ana.client.call("chat:stop", {"answerId": answer_id})
        await ana.done.wait()
        (_, answer) = (await ana.start(ana.session_id))["history"]
        assert answer["text"] == ana.text.rstrip() or ana.text in answer["text"]


async def test_nobody_stops_somebody_elses_answer(redis_url, places):
    """chat:stop reaches only the socket's own session."""
    async with (
        serve(settings(redis_url, pace=30), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
        chatting(url, {"token": token("eve")}) as eve,
    ):
        await ana.start()
        await eve.start()
        answer_id = (await ana.send("hello"))["answerId"]
        assert await eve.client.call("chat:stop", {"answerId": answer_id}) == {"ok": True, "stopped": False}


async def test_an_api_that_is_away_is_said_plainly(redis_url, places):
    """The tool's failure is shown without a host, and the model apologises instead of inventing."""
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
    ):
        await ana.start()
        await ana.ask(QUESTION)
    failed = ana.of("chat:tool")[-1]
    assert failed["state"] == "error"
    assert failed["message"]
    assert "127.0.0.1" not in str(ana.events)
    assert not ana.of("chat:offers")
    assert ana.of("chat:done")[0]["stopReason"] == "end_turn"


async def test_a_socket_that_leaves_during_its_handshake_leaves_no_key(redis_url, places, rig, monkeypatch):
    """The client is gone before it is registered: nothing stays behind."""
    registering, gone = asyncio.Event(), asyncio.Event()
    register = SocketAuthRepository.set_socket_auth

    async def slow(repository, *arguments):
        registering.set()
        await gone.wait()
        return await register(repository, *arguments)

    monkeypatch.setattr(SocketAuthRepository, "set_socket_auth", slow)
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        aiohttp.ClientSession() as http,
    ):
        # Does not wait for the server to agree: this client just goes.
        hurried = aiohttp.ClientWSTimeout(ws_close=0.01)
        address = f"{url}/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(address, timeout=hurried) as socket:
            await socket.receive()
            await socket.send_str('40{"token":"' + token() + '"}')
            await registering.wait()
        gone.set()
        await rig.until_no_key("socket_auth:*")
        async with chatting(url) as ana:
            await ana.start()
            assert len(await rig.keys("socket_auth:*")) == 1
    assert await rig.sockets() == []


async def test_stopping_the_gateway_leaves_no_socket_key(redis_url, places, rig):
    """Shutdown disconnects everybody and cleans up after them."""
    async with serve(settings(redis_url), today=lambda: TODAY, places=places) as url:
        context = chatting(url)
        ana = await context.__aenter__()
        await ana.start()
        assert await rig.keys("socket_auth:*")
    assert await rig.sockets() == []
    await context.__aexit__(None, None, None)


async def test_an_answer_cut_off_by_a_shutdown_is_kept(redis_url, places):
    """Another instance has what was written so far."""
    async with serve(settings(redis_url, pace=0.01), today=lambda: TODAY, places=places) as url:
        context = chatting(url)
        ana = await context.__aenter__()
        await ana.start()
        await ana.send("hello")
        while not ana.text:
            await asyncio.sleep(0.001)
    await context.__aexit__(None, None, None)
    async with serve(settings(redis_url), today=lambda: TODAY, places=places) as url, chatting(url) as back:
        history = (await back.start(ana.session_id))["history"]
    assert history[1]["text"]


async def test_a_message_over_the_limit_closes_the_connection(rig):
    """64 KB is the limit; a megabyte is no question."""
    async with chatting(rig.url) as ana:
        left = asyncio.Event()
        ana.client.on("disconnect", lambda *_: left.set())
        await ana.client.emit("chat:message", {"text": "x" * (MAX_PAYLOAD + 1)})
        await left.wait()
    await rig.until_no_key("socket_auth:*")


async def test_a_restarted_redis_is_survived(places, free_port, caplog):
    """While it is away requests say so; afterwards the same socket goes on, registered anew."""
    url_of_redis = f"redis://127.0.0.1:{free_port}"
    caplog.set_level(logging.CRITICAL)
    server = EmbeddedServer(port=free_port).start()
    try:
        async with (
            serve(settings(url_of_redis), today=lambda: TODAY, places=places) as url,
            chatting(url) as ana,
        ):
            await ana.start()
            server.stop()
            assert (await ana.send("hello"))["error"]["code"] == "unavailable"
            assert (await ana.start())["error"]["code"] == "unavailable"
            server.start()
            async with aiohttp.ClientSession() as http:
                # The gateway finds it by itself, a moment later.
                while (await http.get(f"{url}/health/redis")).status != 200:
                    await asyncio.sleep(0.02)
            assert (await ana.start())["ok"]
            await ana.ask("hello")
            assert ana.of("chat:done")[0]["stopReason"] == "end_turn"
    finally:
        server.stop()


async def test_while_redis_is_away_nobody_gets_in(places, caplog):
    """Authentication fails closed, with a code the page understands."""
    caplog.set_level(logging.CRITICAL)
    async with serve(settings("redis://127.0.0.1:1"), today=lambda: TODAY, places=places) as url:
        refusals = []
        client = socketio.AsyncClient(reconnection=False)
        client.on("connect_error", refusals.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(url, auth={"token": token()}, transports=["websocket"])
        await client.disconnect()
        assert refusals[0]["data"]["code"] == "unavailable"
        async with aiohttp.ClientSession() as http, http.get(f"{url}/health/redis") as reply:
            assert (reply.status, await reply.json()) == (503, {"redis": "DOWN"})
        async with aiohttp.ClientSession() as http, http.get(f"{url}/health/live") as reply:
            assert reply.status == 200


async def test_health_shows_redis_and_the_sockets(rig):
    """Up, with a latency and the count over all instances; no host name."""
    async with chatting(rig.url) as ana, aiohttp.ClientSession() as http:
        await ana.start()
        async with http.get(f"{rig.url}/health/redis") as reply:
            body = await reply.json()
    assert (reply.status, body["redis"], body["connectedSockets"]) == (200, "UP", 1)
    assert body["latencyMs"] >= 0


async def test_the_demo_login_gives_a_token_that_works(rig):
    """A name is enough in the demo; odd names are refused with the rule."""
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{rig.url}/demo/login", json={"user": "bob"}) as reply:
            login = await reply.json()
        for bad in (
            {"user": "Bob!"},
            {"user": ""},
            {"user": 7},
            {},
            [],
            {"user": "x" * 33},
            {"user": "a", "b": 1},
        ):
            async with http.post(f"{rig.url}/demo/login", json=bad) as reply:
                assert reply.status == 400
                assert (await reply.json())["error"]["code"] == "invalid_user"
        async with http.post(f"{rig.url}/demo/login", data=b"\xff") as reply:
            assert reply.status == 400
    assert login["userId"] == "bob"
    async with chatting(rig.url, {"token": login["token"]}) as bob:
        assert (await bob.start())["ok"]


async def test_browsers_may_keep_the_assets_but_not_the_page(rig):
    """Assets carry their hash in their names; the page is asked for each time."""
    if not (DIST / "index.html").exists():
        missing("built page (make page)")
    async with aiohttp.ClientSession() as http:
        async with http.get(rig.url) as page:
            assert page.headers["Cache-Control"] == "no-cache"
            assert page.headers["X-Frame-Options"] == "DENY"
            (script,) = re.findall(r'src="(/assets/[^"]+[.]js)"', await page.text())
        async with http.get(f"{rig.url}{script}") as asset:
            assert "immutable" in asset.headers["Cache-Control"]
            assert asset.headers["X-Content-Type-Options"] == "nosniff"
        async with http.get(f"{rig.url}/assets/none.js") as nothing:
            assert nothing.status == 404
            assert "immutable" not in nothing.headers.get("Cache-Control", "")


async def test_without_the_demo_there_is_no_login(redis_url, places):
    """In production tokens come from elsewhere, and the page is told so."""
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        aiohttp.ClientSession() as http,
    ):
        async with http.post(f"{url}/demo/login", json={"user": "bob"}) as reply:
            assert reply.status == 404
        async with http.get(f"{url}/config") as reply:
            assert (await reply.json())["demo"] is False


async def test_the_demo_process_starts_and_stops_cleanly(root, redis_server):
    """What `make run` starts: it tells where it is, and after Ctrl-C nothing is left running."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatbot", "demo", "--port", "0", "--latency-ms", "0"),
        cwd=root,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    banner = b""
    while b"Ctrl-C" not in banner:
        line = await process.stdout.readline()
        assert line, (await process.stderr.read()).decode()
        banner += line
    words = banner.decode().split()
    url = words[words.index("desk") + 1].removesuffix("/?demo=ana")
    socket = words[words.index("-s") + 1]
    sandbox = next(word for word in words if word.startswith("http://127.0.0.1")).rstrip(":")
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/demo/login", json={"user": "ana"}) as reply:
            login = await reply.json()
        async with chatting(url, {"token": login["token"]}) as ana:
            assert (await ana.start())["ok"]
        process.send_signal(signal.SIGINT)
        rest, complaints = await process.communicate()
        assert process.returncode == 0, complaints.decode()
        assert b"nothing is left running" in rest
        assert not Path(socket).exists()  # noqa: ASYNC240 - at once
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"{sandbox}/_sandbox/stats")


async def test_the_metrics_of_a_whole_gateway(rig):
    """What operators alarm on is there, and no label tells who or where."""
    async with aiohttp.ClientSession() as http:
        async with (
            chatting(rig.url) as ana,
            http.ws_connect(f"{rig.url}/socket.io/?EIO=4&transport=websocket"),
        ):
            await ana.start()
            async with http.get(f"{rig.url}/metrics") as reply:
                during = await reply.text()
            sid, session = ana.client.get_sid(), ana.session_id
        for line in (
            "chatbot_sockets 1.0",
            "chatbot_transports 2.0",
            "chatbot_bus_ready 1.0",
            "chatbot_registry_healthy 1.0",
            "chatbot_redis_connections 2.0",
            'chatbot_connects_total{outcome="ok"} 1.0',
        ):
            assert f"\n{line}\n" in during
        assert not any(secret in during for secret in ("ana", sid, session))
        await rig.until_no_socket()
        async with http.get(f"{rig.url}/metrics") as reply:
            assert 'chatbot_transports_ended_total{reason="client"}' in await reply.text()
