"""Several instances behind a load balancer: it does not matter which of them a socket is on."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest
from support.rig import QUESTION, TODAY, chatting, settings, token

from chatbot.app import serve


@pytest.fixture
async def fleet(redis_url, places):
    """Starts instances on one Redis, all settings alike but for `changes`."""
    async with AsyncExitStack() as stack:

        async def start(**changes):
            gateway = serve(settings(redis_url, **changes), today=lambda: TODAY, places=places)
            return await stack.enter_async_context(gateway)

        yield start


def root():
    return {"Authorization": f"Bearer {token('root', roles=['admin'])}"}


async def test_two_tabs_on_two_instances_see_the_same_answer(fleet):
    """Event by event, in the same order, numbered from 1."""
    one, two = await fleet(), await fleet()
    async with chatting(one) as ana, chatting(two) as tab:
        await ana.start()
        await tab.start(ana.session_id)
        await ana.ask(QUESTION)
        await tab.done.wait()
        assert [event for event in tab.events if event[0].startswith("chat:")] == ana.events
        assert [payload["seq"] for _, payload in ana.events] == list(range(1, len(ana.events) + 1))


async def test_a_socket_comes_back_on_another_instance(fleet):
    """What it has missed is sent, and then what comes, without a gap or a repetition."""
    one, two = await fleet(pace=0.02), await fleet()
    async with chatting(one) as ana:
        await ana.start()
        answer_id = (await ana.send(QUESTION))["answerId"]
        (first, *_) = await ana.heard("chat:delta")
    async with chatting(two) as back:
        assert (await back.start(ana.session_id))["answering"] == answer_id
        reply = await back.call("chat:resume", {"answerId": answer_id, "after": first["seq"]})
        assert reply == {"ok": True, "found": True}
        await back.done.wait()
        numbers = [payload["seq"] for _, payload in back.events]
        assert numbers == list(range(first["seq"] + 1, first["seq"] + 1 + len(numbers)))
        (_, answer) = (await back.start(ana.session_id))["history"]
    assert answer["text"].endswith(back.text.strip()[-20:])


async def test_a_stop_reaches_another_instance(fleet):
    """Whichever instance hears it; the partial answer is kept."""
    one, two = await fleet(pace=0.02), await fleet()
    async with chatting(one) as ana, chatting(two) as tab:
        await ana.start()
        await tab.start(ana.session_id)
        answer_id = (await ana.send(QUESTION))["answerId"]
        await ana.heard("chat:delta")
        assert await tab.call("chat:stop", {"answerId": answer_id}) == {"ok": True, "stopped": True}
        await ana.done.wait()
        assert ana.of("chat:done")[0]["stopReason"] == "stopped"


async def test_one_answer_at_a_time_whatever_the_instance(fleet):
    """A second question is refused as busy on the other instance, too."""
    one, two = await fleet(pace=0.02), await fleet()
    async with chatting(one) as ana, chatting(two) as tab:
        await ana.start()
        await tab.start(ana.session_id)
        await ana.send(QUESTION)
        tab.session_id = ana.session_id
        assert (await tab.send("hello"))["error"]["code"] == "busy"


async def test_a_notice_reaches_everybody(fleet):
    """On every instance, signed in as whoever."""
    one, two = await fleet(), await fleet()
    async with (
        chatting(one) as ana,
        chatting(two, {"token": token("bob")}) as bob,
        aiohttp.ClientSession(headers=root()) as http,
    ):
        async with http.post(f"{one}/admin/notices", json={"text": "Back in five minutes"}) as reply:
            assert reply.status < 300
        for chatter in (ana, bob):
            (notice,) = await chatter.heard("server:notice")
            assert notice["text"] == "Back in five minutes"


async def test_a_message_to_a_user_reaches_all_of_their_sockets_and_no_others(fleet):
    """On every instance."""
    one, two = await fleet(), await fleet()
    async with (
        chatting(one) as ana,
        chatting(two) as tab,
        chatting(two, {"token": token("bob")}) as bob,
        aiohttp.ClientSession(headers=root()) as http,
    ):
        for address, text in ((one, "to ana"), (two, "again")):
            async with http.post(f"{address}/admin/users/ana/messages", json={"text": text}) as reply:
                assert reply.status < 300
        for chatter in (ana, tab):
            assert [each["text"] for each in await chatter.heard("user:message", 2)] == ["to ana", "again"]
        assert not bob.of("user:message")


async def test_a_session_is_renamed_and_deleted_everywhere(fleet):
    """The user's other sockets are told; afterwards it is nowhere, and its answer is no longer written."""
    one, two = await fleet(pace=0.02), await fleet()
    async with chatting(one) as ana, chatting(two) as tab:
        await ana.start()
        await tab.start(ana.session_id)
        renaming = {"sessionId": ana.session_id, "title": " Lisbon "}
        assert await tab.call("chat:rename", renaming) == {"ok": True}
        assert await ana.heard("chat:renamed") == [{"sessionId": ana.session_id, "title": "Lisbon"}]
        (listed,) = (await ana.call("chat:list"))["sessions"]
        assert (listed["sessionId"], listed["title"]) == (ana.session_id, "Lisbon")
        answer_id = (await ana.send(QUESTION))["answerId"]
        assert await tab.call("chat:delete", {"sessionId": ana.session_id}) == {"ok": True}
        for chatter in (ana, tab):
            assert await chatter.heard("chat:deleted") == [{"sessionId": ana.session_id}]
        assert (await ana.call("chat:list"))["sessions"] == []
        for event, payload in (
            ("chat:start", {"sessionId": ana.session_id}),
            ("chat:message", {"sessionId": ana.session_id, "messageId": "m", "text": "hello"}),
            ("chat:resume", {"answerId": answer_id, "after": 0}),
        ):
            assert (await ana.call(event, payload))["error"]["code"] == "session_not_found"


async def test_nobody_touches_somebody_elses_session(fleet):
    """Rename, delete, start and ask: told like a session that does not exist, and nothing has changed."""
    one, two = await fleet(), await fleet()
    async with chatting(one) as ana, chatting(two, {"token": token("eve")}) as eve:
        await ana.start()
        answer_id = (await ana.ask("hello"))["answerId"]
        await eve.start()
        for event, payload in (
            ("chat:start", {"sessionId": ana.session_id}),
            ("chat:rename", {"sessionId": ana.session_id, "title": "mine"}),
            ("chat:delete", {"sessionId": ana.session_id}),
            ("chat:message", {"sessionId": ana.session_id, "messageId": "m", "text": "hello"}),
        ):
            assert (await eve.call(event, payload))["error"]["code"] == "session_not_found"
        assert await eve.call("chat:resume", {"answerId": answer_id}) == {"ok": True, "found": False}
        (session,) = (await ana.call("chat:list"))["sessions"]
        assert session["title"] == "hello"
        assert len((await ana.start(ana.session_id))["history"]) == 2


async def test_an_admin_watches_what_happens_on_all_instances(fleet):
    """Over the socket and over HTTP; others are refused."""
    one, two = await fleet(), await fleet()
    async with (
        chatting(one) as ana,
        chatting(two, {"token": token("root", roles=["admin"])}) as boss,
        aiohttp.ClientSession(headers=root()) as http,
    ):
        assert (await ana.call("admin:watch"))["error"]["code"] == "forbidden"
        await ana.start()
        await ana.ask("hello")
        assert (await boss.call("admin:watch"))["ok"]
        while (await boss.heard("admin:stats"))[-1]["activeUsers"] < 1:
            boss.events.clear()
        async with http.get(f"{two}/admin/stats") as reply:
            assert (await reply.json())["activeUsers"] == 1
        assert await boss.call("admin:unwatch") == {"ok": True}


async def test_an_instance_that_drains_hands_its_answers_over(redis_url, places):
    """The socket is told; the answer is written anew elsewhere, under the same id, and kept once."""
    async with serve(settings(redis_url), today=lambda: TODAY, places=places) as other:
        context = serve(settings(redis_url, pace=30, drain=0.05), today=lambda: TODAY, places=places)
        url = await context.__aenter__()
        async with chatting(url) as ana:
            await ana.start()
            answer_id = (await ana.send("hello"))["answerId"]
            await ana.heard("chat:delta")
            closing = asyncio.create_task(context.__aexit__(None, None, None))
            assert await ana.heard("server:draining") == [{"within": 0.05}]
            await ana.gone.wait()
            await closing
        async with chatting(other) as back:
            assert (await back.start(ana.session_id))["answering"] in {answer_id, None}
            await back.call("chat:resume", {"answerId": answer_id, "after": len(ana.events) - 1})
            while len((await back.start(ana.session_id))["history"]) < 2:
                await asyncio.sleep(0.01)
            history = (await back.start(ana.session_id))["history"]
    assert [message["role"] for message in history] == ["user", "assistant"]
    assert history[1]["answerId"] == answer_id


async def test_an_instance_that_drains_finishes_what_it_can(redis_url, places):
    """Within the time for it, an answer ends as it would have, on its own socket."""
    context = serve(settings(redis_url, pace=0.01, drain=30), today=lambda: TODAY, places=places)
    url = await context.__aenter__()
    async with chatting(url) as ana:
        await ana.start()
        await ana.send("hello")
        await ana.heard("chat:delta")
        closing = asyncio.create_task(context.__aexit__(None, None, None))
        await ana.done.wait()
        assert ana.of("chat:done")[0]["stopReason"] == "end_turn"
        await closing
