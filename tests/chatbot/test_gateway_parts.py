"""The moments in between, made to happen: what comes while something else is under way."""

import asyncio
import json

import aiohttp
import pytest
import socketio
from support.rig import TODAY, chatting, settings, token

from cachekit.errors import CacheUnavailable
from cachekit.socket_auth import SocketAuthRepository, SocketKeeper
from chatbot.analytics import Analytics
from chatbot.app import serve
from chatbot.auth import Revocations
from chatbot.bus import Bus, SessionDeleted
from chatbot.gateway.bulletin import Bulletin
from chatbot.gateway.chats import MAX_HISTORY
from chatbot.gateway.gateway import Gateway
from chatbot.gateway.watch import Watchers
from chatbot.sessions import SessionRepository


def held_up(monkeypatch, owner, method):
    """Let calls of a method wait for `go` before they begin; `reached` tells that one does."""
    reached, go, original = asyncio.Event(), asyncio.Event(), getattr(owner, method)

    async def wait(*arguments, **options):
        reached.set()
        await go.wait()
        return await original(*arguments, **options)

    monkeypatch.setattr(owner, method, wait)
    return reached, go


def knock(url):
    """A client on its way in: the task of it, what it will have been told if it is refused, and itself."""
    refusals, client = [], socketio.AsyncClient(reconnection=False)
    client.on("connect_error", refusals.append)
    coming = client.connect(url, auth={"token": token()}, transports=["websocket"])
    return asyncio.create_task(coming), refusals, client


async def test_who_leaves_before_the_view_has_come_watches_nothing(rig, monkeypatch):
    """Else the view would be made every other second for nobody, for ever."""
    left, sends = asyncio.Event(), []
    leave, send = Watchers.leave, Watchers._send
    monkeypatch.setattr(Watchers, "leave", lambda self, sid: (leave(self, sid), left.set()))
    monkeypatch.setattr(Watchers, "_send", lambda self: sends.append(self) or send(self))
    reached, go = held_up(monkeypatch, Analytics, "snapshot")
    async with chatting(rig.url, {"token": token("root", roles=["admin"])}) as root:
        await root.client.emit("admin:watch", {})
        await reached.wait()
    await left.wait()
    go.set()
    async with chatting(rig.url, {"token": token("root", roles=["admin"])}) as root:
        assert (await root.call("admin:watch"))["ok"]
        (watchers,) = set(sends)
        assert len(watchers._sids) == 1


async def test_who_is_no_admin_any_more_watches_no_more(redis_url, places, monkeypatch):
    """A newer token without the role ends the view."""
    gateways, attach = [], Gateway.attach
    monkeypatch.setattr(Gateway, "attach", lambda self, to: (gateways.append(self), attach(self, to)))
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        chatting(url, {"token": token("root", roles=["admin"])}) as root,
    ):
        assert (await root.call("admin:watch"))["ok"]
        assert (await root.call("auth:refresh", {"token": token("root", roles=["admin"])}))["ok"]
        assert len(gateways[0]._watchers._sids) == 1
        assert (await root.call("auth:refresh", {"token": token("root")}))["ok"]
        assert not gateways[0]._watchers._sids
        assert (await root.call("admin:watch"))["error"]["code"] == "forbidden"


async def test_a_drain_turns_away_who_is_at_the_door(redis_url, places, monkeypatch):
    """A socket let in after the others were told to go would never be told."""
    gateways, attach = [], Gateway.attach
    monkeypatch.setattr(Gateway, "attach", lambda self, to: (gateways.append(self), attach(self, to)))
    reached, go = held_up(monkeypatch, Revocations, "require_valid")
    async with serve(settings(redis_url), today=lambda: TODAY, places=places) as url:
        coming, refusals, client = knock(url)
        await reached.wait()
        await gateways[0].drain(0)
        go.set()
        await asyncio.wait([coming])
        assert isinstance(coming.exception(), socketio.exceptions.ConnectionError)
        assert refusals[0]["data"]["code"] == "draining"
        assert gateways[0].sockets == 0
        await client.disconnect()


async def test_an_instance_that_drains_says_so_to_the_load_balancer(redis_url, places, monkeypatch):
    """It still answers, and lives."""
    gateways, attach = [], Gateway.attach
    monkeypatch.setattr(Gateway, "attach", lambda self, to: (gateways.append(self), attach(self, to)))
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        aiohttp.ClientSession() as http,
    ):
        while (await http.get(f"{url}/health/ready")).status != 200:
            await asyncio.sleep(0.01)
        await gateways[0].drain(0)
        async with http.get(f"{url}/health/ready") as reply:
            assert (reply.status, (await reply.json())["failing"]) == (503, ["draining"])
        async with http.get(f"{url}/health/live") as reply:
            assert reply.status == 200


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("revocations", {"userId": "ana"}, "token_revoked"),
        ("users/ana/disconnect", {}, "disconnected"),
    ],
)
async def test_who_is_put_out_while_coming_in_is_not_let_in(rig, monkeypatch, path, body, code):
    """The token was looked up before it was revoked, and the socket not there yet when sockets were ended."""
    reached, go = held_up(monkeypatch, SocketKeeper, "add")
    coming, refusals, client = knock(rig.url)
    await reached.wait()
    heard, expel = asyncio.Event(), Bulletin._expel
    monkeypatch.setattr(Bulletin, "_expel", lambda *given: (expel(*given), heard.set())[0])
    headers = {"Authorization": f"Bearer {token('root', roles=['admin'])}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{rig.url}/admin/{path}", json=body) as reply,
    ):
        assert reply.status == 202
    await heard.wait()
    go.set()
    await asyncio.wait([coming])
    assert isinstance(coming.exception(), socketio.exceptions.ConnectionError)
    assert refusals[0]["data"]["code"] == code
    await rig.until_no_socket()
    await client.disconnect()


async def test_what_was_revoked_while_nothing_could_be_heard_is_looked_up(
    rig, redis_url, places, monkeypatch
):
    """After a gap in the bus the sockets whose sign-in is revoked end, and the others stay."""
    gaps, on_gap = [], Bus.on_gap
    monkeypatch.setattr(Bus, "on_gap", lambda self, handler: (gaps.append(handler), on_gap(self, handler)))
    async with (
        serve(settings(redis_url), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
        chatting(url, {"token": token("bob")}) as bob,
    ):
        await Revocations(rig.cache).revoke_user("ana")
        for handler in gaps:
            await handler()
        await ana.gone.wait()
        assert [name for name, _ in ana.events] == ["auth:revoked"]
        assert (await bob.start())["ok"]


async def test_a_start_that_fails_changes_nothing(rig, monkeypatch):
    """The socket stays in the chat it was in, and can go on there."""
    async with chatting(rig.url) as ana:
        await ana.start()

        async def away(*_, **__):
            raise CacheUnavailable("away", operation="EVALSHA")

        with monkeypatch.context() as broken:
            broken.setattr(SocketAuthRepository, "update_socket_session", away)
            assert (await ana.call("chat:start"))["error"]["code"] == "unavailable"
        assert (await ana.ask("hello"))["ok"]


async def test_a_chat_that_was_deleted_is_said_to_be_even_if_nobody_can_be_told(rig, monkeypatch):
    """It is gone: to ask for a second try would only earn "no such chat"."""
    publish = Bus.publish

    async def away(self, message):
        if isinstance(message, SessionDeleted):
            raise CacheUnavailable("away", operation="XADD")
        await publish(self, message)

    monkeypatch.setattr(Bus, "publish", away)
    async with chatting(rig.url) as ana, chatting(rig.url) as tab:
        await ana.start()
        await tab.start(ana.session_id)
        assert await ana.call("chat:delete", {"sessionId": ana.session_id}) == {"ok": True}
        await tab.heard("chat:deleted")
        assert (await tab.send("hello", sessionId=ana.session_id))["error"]["code"] == "session_not_found"
        told = (await tab.call("chat:resume", {"answerId": "a"}))["error"]["message"]
        assert told == "This socket is in no chat; start one first."
        assert (await ana.call("chat:list"))["sessions"] == []


async def test_a_chat_of_any_length_can_be_opened(rig):
    """Its latest messages come, as many as fit; sent whole it would look like a client that does not read."""
    sessions = SessionRepository(rig.cache)
    async with chatting(rig.url) as ana:
        await ana.start()
        for number in range(20):
            ids = {"answer_id": f"a{number}", "writer": "w"}
            await sessions.add_question(ana.session_id, "ana", message_id=f"m{number}", text="hello", **ids)
            said = {"text": "x" * 50_000, "offers": [], "turns": []}
            await sessions.add_answer(ana.session_id, "ana", **ids, **said)
        reply = await ana.start(ana.session_id)
        assert len(json.dumps(reply)) < MAX_HISTORY + 2_000
        assert reply["omitted"] + len(reply["history"]) == 40
        assert len(reply["history"]) == 20
        assert reply["history"][-1]["answerId"] == "a19"
        assert (await ana.start())["omitted"] == 0


async def test_who_goes_to_another_chat_hears_no_more_of_the_one_before(redis_url, places):
    """The answer goes on for those who stayed."""
    async with (
        serve(settings(redis_url, pace=30), today=lambda: TODAY, places=places) as url,
        chatting(url) as ana,
        chatting(url) as tab,
    ):
        await ana.start()
        await tab.start(ana.session_id)
        answer_id = (await ana.send("hello"))["answerId"]
        await ana.heard("chat:question")
        assert (await ana.start())["ok"]
        assert (await tab.call("chat:stop", {"answerId": answer_id}))["stopped"]
        await tab.done.wait()
        assert (await ana.call("chat:list"))["ok"]
        assert ana.of("chat:done") == []


async def test_who_has_gone_leaves_nothing_behind(redis_url, places, monkeypatch):
    """Neither among those who follow an answer that goes on, nor among those who watch."""
    gateways, attach = [], Gateway.attach
    monkeypatch.setattr(Gateway, "attach", lambda self, to: (gateways.append(self), attach(self, to)))
    async with serve(settings(redis_url, pace=30), today=lambda: TODAY, places=places) as url:
        (gateway,) = gateways
        async with chatting(url, {"token": token("root", roles=["admin"])}) as root:
            await root.start()
            assert (await root.call("admin:watch"))["ok"]
            assert (await root.send("hello"))["ok"]
        while gateway.sockets:
            await asyncio.sleep(0.01)
        assert gateway.answers.writing == 1
        assert not gateway.answers._feeds._following
        assert not gateway._watchers._sids
        assert len(gateway._audience) == gateway._audience.users() == len(gateway._deadlines) == 0


async def test_a_question_is_activity(rig, monkeypatch):
    """Whose socket is silent for long is taken to be gone by other services."""
    touched = []
    monkeypatch.setattr(SocketKeeper, "touch", lambda _, sid: touched.append(sid))
    async with chatting(rig.url) as ana:
        await ana.start()
        await ana.ask("hello")
        assert touched == [ana.client.get_sid()]
