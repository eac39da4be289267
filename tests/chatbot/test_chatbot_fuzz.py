"""Whatever a client sends, it gets a clear error, and nobody else notices."""

import asyncio
import json
import random

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as tuned
from hypothesis import strategies as some
from support.rig import chatting, token

from chatbot.errors import InvalidMessage
from chatbot.messages import INCOMING, parse

CODES = {"invalid_message", "session_not_found", "token_invalid", "token_expired", "forbidden", "busy"}
"""What nonsense may be answered with: never `internal`, which would be a defect of ours."""

SCALARS = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=40)
JSON = some.recursive(
    SCALARS,
    lambda inner: (
        some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = ("sessionId", "messageId", "answerId", "text", "title", "token", "after", "more")


def deep(levels):
    return json.loads("[" * levels + "]" * levels)


@tuned(max_examples=300, deadline=None)
@given(some.sampled_from(sorted(set(INCOMING.values()), key=lambda kind: kind.__name__)), JSON)
def test_any_payload_is_read_or_refused_by_name(kind, payload):
    """Never another exception; the value itself is not in the text."""
    try:
        parse(payload, kind)
    except InvalidMessage as error:
        assert str(error).startswith(kind.__name__)  # noqa: PT017 - which of the two it is is free


@pytest.mark.parametrize("event", sorted(INCOMING))
async def test_nonsense_is_answered_with_an_error_and_the_socket_stays(rig, event):
    """Wrong types, huge, deep, half right: every event, before and after a chat was started."""
    nonsense = random.Random(event)
    hostile = [
        None,
        [],
        "text",
        7,
        deep(200),
        {"sessionId": deep(50)},
        {"text": "x" * 30_000},
        dict.fromkeys(FIELDS, "\x00\u202e\ud7ff"),
        dict.fromkeys(FIELDS, "half a pair: \ud800"),
        *(
            {name: nonsense.choice([None, -1, "a", "a\n", "../x", [1], {"$gt": ""}, 1e308])}
            for name in FIELDS
        ),
        {"sessionId": "nobodys", "messageId": "m", "text": "hello", "answerId": "a", "title": "t"},
    ]
    async with chatting(rig.url) as bystander, chatting(rig.url, {"token": token("eve")}) as eve:
        await bystander.start()
        for started in (False, True):
            if started:
                await eve.start()
            for payload in hostile:
                reply = await eve.client.call(event, payload)
                assert reply["ok"] or reply["error"]["code"] in CODES, (event, payload, reply)
        assert (await eve.start())["ok"]
        assert not bystander.events
        await bystander.ask("hello")


@pytest.mark.parametrize(
    "packet",
    [
        "",
        "x",
        "4",
        "42",
        "42[",
        "42[]",
        "42{}",
        '42["chat:message"',
        "42[7,{}]",
        '42["' + "e" * 5_000 + '"]',
        '42["connect",{}]',
        '42["disconnect","forged"]',
        "42" + "[" * 20_000,
        "43",
        "431[]",
        "44",
        "45",
        '451-["chat:start",{"_placeholder":true,"num":0}]',
        '459999999-["chat:start"]',
        "4\x00",
        "6",
        "9",
        "40/admin,{}",
        '42/admin,["chat:start",{}]',
        "41/admin,",
        "2probe",
        "5",
    ],
)
async def test_a_malformed_packet_harms_nobody(rig, packet):
    """The one who sent it may lose the connection; another chat goes on."""
    async with (
        chatting(rig.url) as ana,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{rig.url}/socket.io/?EIO=4&transport=websocket") as eve,
    ):
        await ana.start()
        await eve.receive()
        await eve.send_str('40{"token":"' + token("eve") + '"}')
        await eve.receive()
        await eve.send_str(packet)
        await eve.send_bytes(b"\xff\x00")
        await eve.close()
        await ana.ask("hello")
        assert ana.of("chat:done")[0]["stopReason"] == "end_turn"
    await rig.until_no_key("socket_auth:*")


@tuned(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=some.lists(some.sampled_from(sorted(INCOMING)), min_size=1, max_size=12), seed=some.integers())
async def test_events_in_any_order_leave_one_consistent_chat(rig, moves, seed):
    """Ask, stop, resume, delete and start in any order: numbered events, each answer ended once."""
    nonsense = random.Random(seed)
    async with chatting(rig.url) as ana:
        for number, event in enumerate(moves):
            answers = [payload["answerId"] for _, payload in ana.events if "answerId" in payload]
            payload = {
                "chat:start": {"sessionId": ana.session_id} if ana.session_id else {},
                "chat:message": {
                    "sessionId": ana.session_id or "none",
                    "messageId": f"m{nonsense.randrange(4)}",
                    "text": f"hello {number}",
                },
                "chat:resume": {"answerId": (answers or ["a"])[-1], "after": 0},
                "chat:stop": {"answerId": (answers or ["a"])[-1]},
                "chat:rename": {"sessionId": ana.session_id or "none", "title": "t"},
                "chat:delete": {"sessionId": ana.session_id or "none"},
                "auth:refresh": {"token": token()},
            }.get(event, {})
            reply = await ana.client.call(event, payload)
            assert reply["ok"] or reply["error"]["code"] in CODES, (event, reply)
            if reply.get("sessionId"):
                ana.session_id = reply["sessionId"]
        seen = {}
        for name, payload in ana.events:
            if "answerId" in payload:
                seen.setdefault(payload["answerId"], []).append((payload["seq"], name))
        for events in seen.values():
            kept = sorted(set(events))
            assert [seq for seq, _ in kept] == list(range(kept[0][0], kept[0][0] + len(kept)))
        async with asyncio.timeout(20):
            while not (await ana.start())["ok"]:
                await asyncio.sleep(0.01)
