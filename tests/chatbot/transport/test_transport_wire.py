"""Frames and packets by themselves, against readers that are not ours."""

import json

import pytest
import socketio.packet
from hypothesis import given
from hypothesis import strategies as st

from chatbot.transport import packets
from chatbot.transport.frames import Outgoing
from chatbot.transport.packets import Malformed, Packet

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
ANYTHING = JSON | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("size", [14, 125, 126, 127, 65_535, 65_536, 200_000])
async def test_a_frame_is_read_as_it_was_meant(stage, size):
    """At each size where the length is written differently; text and binary."""
    server = await stage.serve()
    client = await stage.join()
    empty = len(packets.event("n", {"t": ""}))
    server.push(client.sid, "n", {"t": "x" * (size - empty)})
    server._dispatcher.manager.connected[client.sid].post(Outgoing(b"\xff" * size, binary=True))
    server.push(client.sid, "last", {})
    said = [await client.said() for _ in range(3)]
    assert said == ['42["n",{"t":"' + "x" * (size - empty) + '"}]', b"\xff" * size, '42["last",{}]']


def test_a_packet_is_framed_once():
    """However many sockets it goes to."""
    packet = Outgoing(b"4x")
    assert packet.frame is packet.frame


@given(name=st.text(), payload=st.dictionaries(st.text(), ANYTHING, max_size=4))
def test_the_library_reads_the_events_that_are_written(name, payload):
    """And gets the very values."""
    text = packets.event(name, payload).data.decode()
    assert "\x1e" not in text
    packet = Packet(encoded_packet=text[1:])
    assert (packet.packet_type, packet.data) == (2, [name, payload])
    acknowledged = Packet(encoded_packet=packets.acknowledgement("12", payload).data.decode()[1:])
    assert (acknowledged.packet_type, acknowledged.id, acknowledged.data) == (3, 12, [payload])


@given(name=st.text(), payload=ANYTHING, ack=st.none() | st.integers(0, 2**40))
def test_the_events_that_the_library_writes_are_read(name, payload, ack):
    """By the short way, with or without an id."""
    text = socketio.packet.Packet(2, data=[name, payload], id=ack, binary=False).encode()
    assert packets.parse_event(text) == ("" if ack is None else str(ack), [name, payload])


@given(st.text(alphabet='0123456789-/,[]{}":ae\\u ', max_size=60) | st.text(max_size=60))
def test_whatever_comes_is_read_or_malformed(text):
    """Nothing else is ever raised, and an event is a list that begins with a name."""
    try:
        event = packets.parse_event(text)
        if event is None:
            packets.parse(text)
        else:
            assert isinstance(event[1][0], str)
    except Malformed:
        pass


@given(st.text(), st.integers(0, 3))
def test_half_a_surrogate_pair_becomes_a_question_mark(text, backslashes):
    """Only where it is one: not where it only looks like one behind a backslash."""
    lone = json.dumps([text, "\\" * backslashes, "\ud83d"])
    assert packets.Json.loads(lone) == [text, "\\" * backslashes, "?"]
