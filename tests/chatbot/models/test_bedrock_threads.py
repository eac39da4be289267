"""The threads of Bedrock calls: bounded, handed out fairly, and free again however a call ends."""

import asyncio
import socket
import ssl
import threading
from contextlib import aclosing

import pytest
from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool
from botocore.httpsession import URLLib3Session
from support.bedrock import MODEL, REGION, START, BedrockServer, Refusal, says, stop, text
from support.servers import Certificate

from chatbot.errors import ModelError
from chatbot.models import ModelMessage, ModelRequest, TextBlock, TextDelta
from chatbot.models.bedrock import BedrockModel
from chatbot.models.bedrock.line import HungUpError, Line, _Connection

REQUEST = ModelRequest((ModelMessage("user", (TextBlock("hi"),)),))


def threads():
    return sum(thread.name.startswith("bedrock") for thread in threading.enumerate())


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


async def hear(model, request=REQUEST):
    return [event async for event in model.stream(request)]


def held(*before):
    """A turn that waits after `before`, and what lets it go on."""
    gate = asyncio.Event()
    return [*before, gate, *([] if before else [START]), *text("on"), *stop()], gate


@pytest.mark.parametrize("before", [(), (START, *text("So far"))], ids=["no headers yet", "in mid-stream"])
async def test_a_cancelled_turn_frees_its_thread_at_once(bedrock, connect, before):
    """Long before the read timeout; the service sees the connection go."""
    model = await connect(threads=1, read_timeout=60)
    bedrock.script(held(*before)[0])
    task = asyncio.create_task(hear(model))
    await bedrock.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not model.busy and not bedrock.streaming)
    assert await hear(model) == [TextDelta("Hello."), *(await hear(model))[1:]], "the one thread goes on"


async def test_a_generator_that_is_closed_frees_its_thread(bedrock, connect):
    """Whoever has heard enough closes it; no cancellation is needed."""
    model = await connect(threads=1)
    bedrock.script(held(START, *text("So far"))[0])
    async with aclosing(model.stream(REQUEST)) as events:
        assert await anext(events) == TextDelta("So far")
    await until(lambda: not model.busy and not bedrock.streaming)
    assert len(await hear(model)) == 2


async def test_cancelling_while_a_repetition_is_due_takes_no_thread(bedrock, connect):
    """No thread waits out a delay."""
    asleep = asyncio.Event()

    async def sleep(delay):
        asleep.set()
        await asyncio.Event().wait()

    model = await connect(sleep=sleep)
    bedrock.script(Refusal(429, "ThrottlingException"))
    task = asyncio.create_task(hear(model))
    await asleep.wait()
    await until(lambda: not model.busy)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert bedrock.requests == 1


async def test_cancelling_at_any_moment_leaks_nothing(bedrock, connect):
    """Turns are cancelled after 0, 1, 2 … steps of the loop; every thread and turn comes back."""
    model = await connect(threads=2)
    for steps in range(60):
        task = asyncio.create_task(hear(model))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await until(lambda: not model.busy)
    assert threads() <= 2
    bedrock.turns.clear()
    assert [len(each) for each in await asyncio.gather(*(hear(model) for _ in range(4)))] == [2] * 4


async def test_no_more_streams_run_than_there_are_threads(bedrock, connect):
    """The third waits its turn, in the order of asking, and is answered in the end."""
    model = await connect(threads=2)
    turns, gates = zip(*(held(START) for _ in range(2)), strict=True)
    bedrock.script(*turns, says("third"), says("fourth"))
    tasks = [asyncio.create_task(hear(model)) for _ in range(4)]
    await until(lambda: bedrock.streaming == 2)
    assert (bedrock.requests, model.busy) == (2, 2)
    gates[0].set()
    assert (await tasks[2])[0] == TextDelta("third")
    gates[1].set()
    assert (await tasks[3])[0] == TextDelta("fourth")
    await asyncio.gather(*tasks)


async def test_who_waits_too_long_for_a_thread_is_told(bedrock, connect):
    """A clear error instead of a wait without end; the turn in line is not lost for others."""
    model = await connect(threads=1, max_wait=0.05)
    turn, gate = held(START)
    bedrock.script(turn)
    first = asyncio.create_task(hear(model))
    await bedrock.waiting.wait()
    with pytest.raises(ModelError) as caught:
        await hear(model)
    assert (caught.value.code, bedrock.requests) == ("model_busy", 1)
    gate.set()
    await first
    assert len(await hear(model)) == 2


async def test_who_leaves_the_line_takes_nobody_s_turn(bedrock, connect):
    """One that waits for a thread is cancelled; those behind it are served."""
    model = await connect(threads=1)
    turn, gate = held(START)
    bedrock.script(turn)
    first, gone, last = (asyncio.create_task(hear(model)) for _ in range(3))
    await bedrock.waiting.wait()
    gone.cancel()
    gate.set()
    await asyncio.gather(first, gone, return_exceptions=True)
    assert (await last)[0] == TextDelta("Hello.")
    assert bedrock.requests == 2


async def test_many_streams_at_once_have_a_thread_each(bedrock, connect):
    """The event loop's own pool, which DNS and others need, is not touched."""
    model = await connect(threads=40)
    turns, gates = zip(*(held(START) for _ in range(40)), strict=True)
    bedrock.script(*turns)
    tasks = [asyncio.create_task(hear(model)) for _ in range(40)]
    await until(lambda: bedrock.streaming == 40)
    for gate in gates:
        gate.set()
    assert all(len(each) == 2 for each in await asyncio.gather(*tasks))


async def test_closing_the_model_ends_its_streams_and_threads(bedrock, aws):
    """A reader gets an error, no thread stays, and nobody else is let in."""
    async with BedrockModel(MODEL, region=REGION, endpoint_url=bedrock.url) as model:
        bedrock.script(held(START)[0])
        task = asyncio.create_task(hear(model))
        await bedrock.waiting.wait()
    with pytest.raises(ModelError):
        await task
    await until(lambda: not threads())
    with pytest.raises(ModelError, match="restart"):
        await hear(model)


async def test_a_call_over_tls_can_be_hung_up(aws, tmp_path):
    """As over plain TCP, with no headers yet and in mid-stream."""
    certificate = Certificate(tmp_path)
    aws.setenv("AWS_CA_BUNDLE", certificate.cert)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)
    async with (
        BedrockServer(tls=context) as bedrock,
        BedrockModel(MODEL, region=REGION, endpoint_url=bedrock.url, threads=1) as model,
    ):
        for before in ((), (START, *text("So far"))):
            bedrock.waiting.clear()
            bedrock.script(held(*before)[0])
            task = asyncio.create_task(hear(model))
            await bedrock.waiting.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(lambda: not model.busy and not bedrock.streaming)
        assert len(await hear(model)) == 2


async def test_hanging_up_late_does_not_end_a_neighbour_s_call(bedrock, connect):
    """A connection that was handed on carries the call of its new owner."""
    model = await connect(threads=1)
    events = model.stream(REQUEST)
    await anext(events)
    await until(lambda: not model.busy)
    turn, gate = held(START)
    bedrock.script(turn)
    second = asyncio.create_task(hear(model))
    await bedrock.waiting.wait()
    await events.aclose()
    gate.set()
    assert (await second)[0] == TextDelta("on")
    assert bedrock.connections == 1


def test_a_socket_that_carries_another_call_by_now_is_left_alone():
    """Between its answer's last byte and the end of a call, its connection may be in use again."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first, second = Line(), Line()
        first.take(ours)
        second.take(ours)
        first.hang_up()
        ours.sendall(b"x")
        assert theirs.recv(9) == b"x"
        second.hang_up()
        assert theirs.recv(9) == b""


def test_a_line_that_was_hung_up_takes_no_socket():
    """Who is cancelled while the connection is being made does not send and wait after all."""
    line = Line()
    line.hang_up()
    with pytest.raises(HungUpError):
        line.take(None)


async def test_a_call_given_up_while_connecting_is_not_sent(bedrock, connect, monkeypatch):
    """The service would begin to write, and bill, what nobody reads."""
    model = await connect(threads=1)
    connecting, go_on = threading.Event(), threading.Event()

    def connection(self, dial=_Connection._new_conn):
        connecting.set()
        go_on.wait(20)
        return dial(self)

    monkeypatch.setattr(_Connection, "_new_conn", connection)
    task = asyncio.create_task(hear(model))
    await until(connecting.is_set)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    go_on.set()
    await until(lambda: not model.busy)
    assert bedrock.requests == 0
    assert len(await hear(model)) == 2


def test_botocore_still_has_what_hanging_up_stands_on():
    """Two private names; if one goes, a stop before the first token holds a thread until its timeout."""
    schemes = URLLib3Session()._pool_classes_by_scheme
    assert schemes == {"http": AWSHTTPConnectionPool, "https": AWSHTTPSConnectionPool}
    assert URLLib3Session()._manager.pool_classes_by_scheme is not None


async def test_botocore_uses_our_connections(model):
    """The dictionary is shared with the pool manager that makes the connections."""
    manager = model._client._endpoint.http_session._manager
    names = {pool.ConnectionCls.__module__ for pool in manager.pool_classes_by_scheme.values()}
    assert names == {"chatbot.models.bedrock.line"}
