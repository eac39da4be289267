"""The protocol's page and its schema say what the code does."""

import json
import re

import jsonschema
import pytest
from support.rig import QUESTION, chatting, token

from chatbot.messages import ANNOUNCING, ANSWERING, INCOMING
from chatbot.schema import protocol_schema

SCHEMA = protocol_schema()


def check(payload, schema):
    jsonschema.validate(payload, {**schema, "$defs": SCHEMA["$defs"]}, jsonschema.Draft202012Validator)


def test_the_committed_schema_is_the_codes(root):
    """`python -m chatbot schema > docs/protocol.json` after a change of the protocol."""
    assert json.loads((root / "docs/protocol.json").read_text()) == SCHEMA


@pytest.mark.parametrize("event", [*INCOMING, *ANSWERING, *ANNOUNCING, "admin:stats"])
def test_the_page_has_every_event(root, event):
    """In a table's first column."""
    assert f"\n| `{event}` |" in (root / "docs/protocol.md").read_text()


def test_the_page_has_every_error_code_of_the_gateway(root):
    """Whatever code the gateway can send is told there."""
    told = (root / "docs/protocol.md").read_text()
    sources = [*(root / "chatbot/gateway").glob("*.py"), root / "chatbot/errors.py"]
    codes = {
        code
        for source in sources
        for code in re.findall(r'(?:code=|code = |refusal\()"([a-z_]+)"', source.read_text())
    }
    assert len(codes) > 8
    assert not {code for code in codes - {"settings", "tool_failed"} if f"`{code}`" not in told}


async def test_what_travels_fits_the_schema(rig):
    """A whole conversation: every acknowledgement and every event, checked as a stranger's client would."""
    sent = [
        ("chat:start", {}),
        ("chat:list", {}),
        ("auth:refresh", {"token": token(roles=["admin"])}),
        ("admin:watch", {}),
        ("admin:unwatch", {}),
    ]
    async with chatting(rig.url, {"token": token(roles=["admin"])}) as ana:
        for event, payload in sent:
            check(payload, SCHEMA["clientToServer"][event])
            check(await ana.call(event, payload), SCHEMA["acknowledgements"][event])
        await ana.start()
        check(await ana.ask(QUESTION), SCHEMA["acknowledgements"]["chat:message"])
        answer_id = ana.of("chat:done")[0]["answerId"]
        for event, payload in (
            ("chat:resume", {"answerId": answer_id, "after": 0}),
            ("chat:stop", {"answerId": answer_id}),
            ("chat:start", {"sessionId": ana.session_id}),
            ("chat:list", {}),
            ("chat:rename", {"sessionId": ana.session_id, "title": "Lisbon"}),
            ("chat:delete", {"sessionId": ana.session_id}),
        ):
            check(payload, SCHEMA["clientToServer"][event])
            check(await ana.call(event, payload), SCHEMA["acknowledgements"][event])
        await ana.heard("chat:deleted")
        assert {"chat:question", "chat:delta", "chat:tool", "chat:offers", "chat:done"} <= {
            event for event, _ in ana.events
        }
        for event, payload in ana.events:
            check(payload, SCHEMA["serverToClient"][event])
        check((await ana.call("chat:start", {"more": 1})), SCHEMA["failure"])
