"""What is sent, and how connections end: slow clients, `end`, losses, shutdown; nothing is left over."""

import asyncio
import gc
import json
import secrets
import socket
import struct
from collections import Counter

import aiohttp
import pytest

from chatbot.transport.connection import Connection
from chatbot.transport.dispatch import Visitor

MEGABYTE = 1_048_576


class Deaf:
    """A client of plain TCP that says what it is told to, and reads only when asked."""

    def __init__(self, stage) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", stage.port))
        head = (
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        self.mark = secrets.token_hex(4)
        self.say(b'40{"mark":"%b"}' % self.mark.encode())

    def say(self, packet: bytes) -> None:
        self.socket.sendall(bytes((0x81, 0x80 | len(packet), 0, 0, 0, 0)) + packet)

    def vanish(self) -> None:
        """Reset the connection instead of closing it."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


async def deaf(stage):
    """One that has been let in; how many there are cannot tell, since others come and go."""
    client = Deaf(stage)
    stage.closes(client.socket)
    await stage.until(lambda: client.mark in stage.marks)
    return client


async def test_pushes_arrive_in_order(stage):
    """Also those among acknowledgements, one to all, and the library's own emits."""
    server = await stage.serve()
    client = await stage.join()
    for number in range(100):
        assert server.push(client.sid, "n", {"n": number})
    assert server.push_many([client.sid, "nobody"], "all", {}) == 1
    assert [await client.said() for _ in range(100)] == [f'42["n",{{"n":{n}}}]' for n in range(100)]
    assert await client.said() == '42["all",{}]'
    await server._dispatcher.emit("lib", {"a": b"x"}, to=client.sid)
    await server._dispatcher.emit("lib", 1)
    expected = ['451-["lib",{"a":{"_placeholder":true,"num":0}}]', b"x", '42["lib",1]']
    assert [await client.said() for _ in range(3)] == expected


async def test_nobody_is_pushed_to_who_is_not_there(stage):
    """False, and no more than that."""
    server = await stage.serve()
    assert not server.push("nobody", "n", {})
    assert server.push_many([], "n", {}) == 0
    server.end("nobody", "why")


async def test_one_encoding_serves_all(stage):
    """A payload is read once, however many it is for, over either transport."""
    server = await stage.serve()
    clients = [await stage.join() for _ in range(20)]
    reads = []

    class Payload(dict):
        def items(self):
            reads.append(1)
            return super().items()

        def __getitem__(self, key):
            raise AssertionError("read by key")

    assert server.push_many(server.sids, "n", Payload(a=1)) == 20
    assert {await client.said() for client in clients} == {'42["n",{"a":1}]'}
    assert len(reads) <= 1


async def test_a_client_that_stops_reading_is_cut_off(stage):
    """At the bound, whatever it is sent: no more than that is held for it, and nobody else waits."""
    server = await stage.serve(max_queued_bytes=MEGABYTE)
    client, other = await deaf(stage), await stage.join()
    sid = stage.came[0]
    transport = server._dispatcher.manager.connected[sid].transport
    most = sent = 0
    while server.push(sid, "n", {"text": "x" * 10_000}):
        most = max(most, transport.get_write_buffer_size())
        sent += 1
        await asyncio.sleep(0)
    assert most <= MEGABYTE
    assert sent >= 100
    assert stage.gone == []
    assert server.push(other.sid, "n", {})
    assert await other.said() == '42["n",{}]'
    await stage.until(lambda: stage.gone)
    assert stage.gone == [(sid, "slow")]
    await stage.until(lambda: server.transports == 1)
    assert server.lost == {"slow": 1}
    client.socket.close()


async def test_a_poller_that_stays_away_is_cut_off(stage):
    """The same bound for what waits for a poll."""
    server = await stage.serve(max_queued_bytes=1000)
    async with stage.http.get(f"{stage.url}/socket.io/?EIO=4&transport=polling") as response:
        eio_sid = (await response.text())[9:29]
    await stage.post(eio_sid, "40")
    await stage.until(lambda: len(server))
    assert sum(server.push(stage.came[0], "n", {"text": "x" * 100}) for _ in range(50)) < 10
    await stage.until(lambda: stage.gone)
    assert stage.gone == [(stage.came[0], "slow")]
    assert (server.transports, await stage.poll(eio_sid)) == (0, "400")


async def test_being_cut_off_calls_nobody_back_during_push(stage):
    """Who pushes to many may hold what `disconnected` changes."""
    server = await stage.serve(max_queued_bytes=1000)
    clients = [await deaf(stage) for _ in range(3)]
    assert server.push_many(server.sids, "n", {"text": "x" * 20_000_000}) == 0
    assert len(server) == 3
    assert stage.gone == []
    await stage.until(lambda: len(stage.gone) == 3)
    assert set(stage.gone) == {(sid, "slow") for sid in stage.came}
    for client in clients:
        client.socket.close()


async def test_what_was_pushed_before_the_end_still_arrives(stage):
    """All of it, then DISCONNECT, then the close; nothing that was pushed after."""
    server = await stage.serve()
    client = await stage.join()
    for number in range(50):
        server.push(client.sid, "n", {"n": number, "text": "x" * 10_000})
    server.end(client.sid, "auth_expired")
    assert stage.gone == [(client.sid, "auth_expired")]
    assert not server.push(client.sid, "late", {})
    server.end(client.sid, "again")
    said = await client.rest()
    assert [json.loads(packet[2:])[1]["n"] for packet in said[:-1]] == list(range(50))
    assert said[-1] == "41"
    assert client.socket.close_code == 1000
    await stage.until(lambda: not server.transports)
    assert (stage.gone, server.lost) == ([(client.sid, "auth_expired")], {"auth_expired": 1})


async def test_a_poller_is_ended_as_well(stage):
    """What waits for it, DISCONNECT and then CLOSE come with its next polls."""
    server = await stage.serve()
    async with stage.http.get(f"{stage.url}/socket.io/?EIO=4&transport=polling") as response:
        eio_sid = (await response.text())[9:29]
    await stage.post(eio_sid, "40")
    await stage.poll(eio_sid)
    server.push(stage.came[0], "n", {})
    server.end(stage.came[0], "why")
    assert await stage.poll(eio_sid) == '42["n",{}]\x1e41'
    assert await stage.poll(eio_sid) == "1"
    assert await stage.poll(eio_sid) == "400"
    assert stage.gone == [(stage.came[0], "why")]
    assert server.transports == 0


async def test_a_client_that_ignores_its_end_is_cut_off(stage, monkeypatch):
    """It does not answer the close; the connection ends all the same."""
    monkeypatch.setattr("chatbot.transport.engine.FAREWELL", 0.05)
    server = await stage.serve()
    client = await deaf(stage)
    server.end(stage.came[0], "why")
    await stage.until(lambda: not server.transports)
    assert (stage.gone, server.lost) == ([(stage.came[0], "why")], {"why": 1})
    client.socket.close()


async def test_an_abrupt_loss_is_told_once(stage):
    """A reset connection, in the middle of a handler, with events waiting: those do not run."""
    server = await stage.serve()
    client = await deaf(stage)
    client.say(b'42["wait",1]')
    client.say(b'42["echo",2]')
    await stage.until(lambda: stage.asked == 2)
    client.vanish()
    await stage.until(lambda: stage.gone)
    assert stage.gone == [(stage.came[0], "lost")]
    stage.gate.set()
    await stage.until(lambda: not server._dispatcher._working)
    assert stage.order == [1]
    assert stage.gone == [(stage.came[0], "lost")]


async def test_a_disconnected_handler_that_raises_harms_nobody(stage, caplog):
    """The connection is forgotten all the same."""
    server = await stage.serve()
    server._dispatcher._disconnected = {}.__getitem__
    client = await stage.join()
    server.end(client.sid, "why")
    await client.rest()
    await stage.until(lambda: not server.transports)
    assert len(server) == 0
    assert "The disconnect handler raised" in caplog.text


async def test_closing_ends_everybody_at_moments_of_their_own(stage):
    """Clients may come back to another instance: no DISCONNECT, "going away"; new ones are refused."""
    server = await stage.serve()
    clients = [await stage.join() for _ in range(5)]
    closing = asyncio.create_task(server.aclose(spread=0.3))
    await asyncio.sleep(0)
    assert len(server) == 5
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await stage.open()
    assert refused.value.status == 503
    server.push(clients[0].sid, "last", {})
    assert await clients[0].said() == '42["last",{}]'
    assert [await client.rest() for client in clients] == [[]] * 5
    assert {client.socket.close_code for client in clients} == {1001}
    await closing
    assert sorted(stage.gone) == sorted((client.sid, "shutdown") for client in clients)
    assert (server.transports, len(server)) == (0, 0)


async def test_closing_does_not_wait_for_ever(stage, monkeypatch):
    """Neither for a client that does not answer nor for a handler that does not end; it may be done twice."""
    monkeypatch.setattr("chatbot.transport.server.GRACE", 0.05)
    server = await stage.serve()
    client = await deaf(stage)
    client.say(b'42["wait"]')
    await stage.until(lambda: stage.asked == 2)
    await server.aclose()
    await server.aclose()
    assert (server.transports, stage.order, server._dispatcher._working) == (0, [], set())
    assert stage.gone == [(stage.came[0], "shutdown")]
    client.socket.close()


async def test_a_thousand_comings_and_goings_leave_nothing(stage):
    """However they end: every container is empty, no object of theirs lives, each was told of once."""
    server = await stage.serve()

    async def visit(number):
        client = await deaf(stage) if number % 10 == 0 else await stage.join()
        if number % 10 == 0:
            client.vanish()
        elif number % 3 == 0:
            server.end(client.sid, "ended")
            await client.rest()
        elif number % 3 == 1:
            await client.say("421[}")
            await client.rest()
        else:
            await client.say('421["echo"]')
            await client.say("1")
            await client.rest()

    for start in range(0, 1000, 50):
        await asyncio.gather(*(visit(start + number) for number in range(50)))
    await stage.until(lambda: not server.transports)
    assert Counter(stage.gone).most_common(1)[0][1] == 1
    assert {sid for sid, _ in stage.gone} == set(stage.came)
    assert len(stage.came) == 1000
    dispatcher = server._dispatcher
    engine, members = dispatcher.eio, dispatcher.manager
    waiting = [engine._pings, engine._pongs, engine._farewells, dispatcher._handshakes]
    held = [engine.sockets, members.connected, members.pending_connect, members.pending_disconnect]
    held += [members.callbacks, members.eio_to_sid, members.rooms["/"], dispatcher.environ]
    held += [dispatcher._binary_packet, dispatcher._working]
    assert [len(container) for container in (*waiting, *held)] == [0] * 14
    await asyncio.sleep(0)
    gc.collect()
    left = [thing for thing in gc.get_objects() if isinstance(thing, Connection | Visitor)]
    assert left == []
