"""The stand-in's frames, held against botocore's own parser, and its rules."""

import json

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, ParserError
from hypothesis import given
from hypothesis import strategies as st
from support.bedrock import broken_rule, error, event, fault, frame, says

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
HEADERS = st.dictionaries(NAMES, st.text(max_size=40), max_size=4)


def parsed(data, sizes=()):
    """The messages that botocore finds, given the bytes in pieces."""
    buffer, found = EventStreamBuffer(), []
    for size in (*sizes, len(data)):
        buffer.add_data(data[:size])
        data = data[size:]
        found += list(buffer)
    return found


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=4), st.lists(st.integers(1, 50)))
def test_botocore_reads_what_is_framed(messages, sizes):
    """Whatever the messages and wherever the network cuts them."""
    data = b"".join(frame(headers, payload) for headers, payload in messages)
    assert [(each.headers, each.payload) for each in parsed(data, sizes)] == messages


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_botocore_refuses_a_changed_byte(place, change):
    """No bit of a frame can change unnoticed: both checksums are real."""
    data = bytearray(event("contentBlockDelta", contentBlockIndex=0, delta={"text": "Olá"}))
    data[place % len(data)] ^= change
    with pytest.raises(ChecksumMismatch):
        parsed(bytes(data))


def test_the_checksum_of_the_prelude_is_looked_at_first():
    """A wrong length is found before anybody waits for that many bytes."""
    data = bytearray(event("messageStop", stopReason="end_turn"))
    data[0] = 1
    with pytest.raises(ParserError):
        parsed(bytes(data[:12]))


def test_events_carry_the_headers_of_the_service():
    """Events, modelled exceptions and other errors are told apart by their message type."""
    (start, *_), exception, other = says("Hi"), fault("throttlingException"), error("Odd", "why")
    headers = [message.headers for message in parsed(start + exception + other)]
    assert [each[":message-type"] for each in headers] == ["event", "exception", "error"]
    assert headers[0][":event-type"] == "messageStart"
    assert headers[1][":exception-type"] == "throttlingException"
    assert json.loads(parsed(exception)[0].payload) == {"message": "no luck"}


def user(*content):
    return {"role": "user", "content": list(content)}


def assistant(*content):
    return {"role": "assistant", "content": list(content)}


TEXT = {"text": "hi"}
CALL = {"toolUse": {"toolUseId": "t1", "name": "echo", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"json": {}}]}}


@pytest.mark.parametrize(
    "messages",
    [
        [assistant(TEXT)],
        [user(TEXT), user(TEXT)],
        [user(TEXT), assistant(TEXT)],
        [user({"text": " \n"})],
        [user(TEXT), assistant(CALL), user(TEXT)],
        [user(TEXT), assistant(CALL), user(TEXT, RESULT)],
        [user(TEXT), assistant(TEXT), user(RESULT)],
    ],
    ids=["model first", "no turns", "model last", "blank", "dangling call", "result late", "result of none"],
)
def test_the_stand_in_refuses_what_bedrock_refuses(messages):
    """A request that real Bedrock would not take fails here, too."""
    body = {"messages": messages, "inferenceConfig": {"maxTokens": 1}, "toolConfig": {"tools": []}}
    assert broken_rule(body)


def test_the_stand_in_takes_a_proper_conversation():
    """So that a refusal means something."""
    messages = [user(TEXT), assistant(TEXT, CALL), user(RESULT, TEXT)]
    body = {"messages": messages, "inferenceConfig": {"maxTokens": 1}, "toolConfig": {"tools": []}}
    assert broken_rule(body) is None
    assert broken_rule(body | {"inferenceConfig": {}})
    assert broken_rule(body | {"inferenceConfig": {"maxTokens": 1, "temperature": 0}})
    assert broken_rule({name: body[name] for name in ("messages", "inferenceConfig")})
