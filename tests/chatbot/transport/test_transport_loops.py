"""The same on asyncio's own loop and on uvloop, whose transports differ."""

import asyncio
import sys

import pytest

if sys.platform == "win32":
    FACTORIES = [asyncio.new_event_loop]
else:
    import uvloop

    FACTORIES = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__module__)
def run(request):
    """Run a coroutine on a loop of that kind."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


def test_talking_works_on_either_loop(run, stage_class):
    """Events, acknowledgements, pushes, polling, an end that flushes."""

    async def scene():
        async with stage_class() as stage:
            server = await stage.serve()
            client = await stage.join()
            await client.say('421["echo",1]')
            assert await client.said() == '431[{"ok":true,"echo":1}]'
            for number in range(100):
                server.push(client.sid, "n", {"n": number, "text": "x" * 5_000})
            server.end(client.sid, "done")
            said = await client.rest()
            assert len(said) == 101
            assert said[-1] == "41"
            await stage.until(lambda: not server.transports)
            assert stage.gone == [(client.sid, "done")]

    run(scene())


def test_a_client_that_stops_reading_is_cut_off_on_either_loop(run, stage_class):
    """Each counts what its transport holds, and nobody else is harmed."""

    async def scene():
        async with stage_class() as stage:
            server = await stage.serve(max_queued_bytes=200_000)
            client, other = await stage.join(), await stage.join()
            transport = client.socket._response.connection.transport
            transport.pause_reading()
            while server.push(client.sid, "n", {"text": "x" * 50_000}):
                await asyncio.sleep(0)
            await stage.until(lambda: server.transports == 1)
            assert stage.gone == [(client.sid, "slow")]
            server.push(other.sid, "n", {})
            assert await other.said() == '42["n",{}]'
            transport.abort()

    run(scene())


def test_losses_and_shutdown_work_on_either_loop(run, stage_class):
    """A connection that breaks is told of once, the others at the end."""

    async def scene():
        async with stage_class() as stage:
            server = await stage.serve()
            clients = [await stage.join() for _ in range(10)]
            clients[0].socket._response.connection.transport.abort()
            await stage.until(lambda: stage.gone)
            assert stage.gone == [(clients[0].sid, "lost")]
            closing = asyncio.create_task(server.aclose(spread=0.05))
            assert [await client.rest() for client in clients[1:]] == [[]] * 9
            await closing
            assert sorted(stage.gone[1:]) == sorted((client.sid, "shutdown") for client in clients[1:])
            assert server.transports == 0

    run(scene())
