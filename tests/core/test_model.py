"""A model check of the consistency contract (docs/consistency.md).

Three clients with clocks of their own share one real server. A schedule, a string of bytes, chooses each
step: which verb begins, which load ends, which message is delivered, what breaks. The same bytes give the
same run, and Hypothesis shrinks those that break the contract.
"""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.client import NAMESPACES, RESOURCES, Client, UpstreamDown
from support.model import History
from support.network import Network, Pipe, StillLoop

import cachekit
from cachekit.core import invalidation, recovery
from cachekit.core.scripts import APPEND
from cachekit.testing import ManualClock

EXAMPLES = int(os.environ.get("CACHEKIT_MODEL_EXAMPLES", "150"))
LOG = "cachekit/log:model"


class End(Exception):
    """The schedule has no more bytes."""


class Run:
    """One schedule, from the first connection to the last check."""

    def __init__(self, schedule, network, loop):
        self.bytes, self.loop, self.network = iter(schedule), loop, network
        self.history = History()
        self.clients, self.gates, self.tasks, self.readers = [], [], [], []
        self.focus, self.ending = None, False
        network.now = lambda: self.history.now

    async def play(self, folder):
        async with AsyncExitStack() as stack:
            for index, skew in enumerate((0, 5, -5)):
                path = f"{folder}/{index}"
                server = await self.loop.create_unix_server(lambda i=index: Pipe(self.network, i), path)
                stack.callback(server.close)
                clock = ManualClock(1_795_000_000.0 + skew)
                cache = await stack.enter_async_context(
                    cachekit.connect(f"unix://{path}", app="model", clock=clock)
                )
                self.clients.append(Client(index, self, cache, clock))
            stack.push_async_callback(self.cancel)
            for client in self.clients:
                for name in NAMESPACES:
                    self.spawn(client.get(name, "a:1"))
            await self.deliver_all()
            while True:
                try:
                    self.focus = self.focus or self.choose(FOCUSES)
                    await self.choose(self.focus.steps)(self)
                except End:
                    break
                await self.quiet()
            await self.finish()

    async def quiet(self):
        await self.loop.quiet()
        self.network.mark_empty()
        self.check_tasks()

    def check_tasks(self):
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.remove(task)
            task.result()

    async def cancel(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def choose(self, options):
        byte = next(self.bytes, None)
        if byte is None:
            raise End
        return options[byte % len(options)]

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.append(task)
        return task

    # The end: everything is mended and delivered; all agree on what was neither deleted nor expired.

    async def finish(self):
        self.ending = True
        if not self.network.up:
            self.network.start()
        for gate in self.gates:
            gate.done() or gate.set_result(None)
        for _ in range(200):
            await self.deliver_all()
            if not self.tasks:
                break
            self.end_leases()  # Whose release was lost with a connection.
            await self.loop.pass_time(0.5)
        else:
            self.history.fail(f"HANG: {self.tasks}")
        await self.end_block()
        for _ in range(8):
            await self.loop.pass_time(0.5)
            await self.deliver_all()
        places = [(name, resource) for name in NAMESPACES for resource in RESOURCES]
        for client in self.clients:
            loads = [client.get_or_set(*place, gated=False, context=False) for place in places]
            await self.complete(loads)
        found = [await self.complete([client.get(*place) for place in places]) for client in self.clients]
        if None in found[0] or found[0] != found[1] or found[0] != found[2]:
            self.history.fail(f"DIVERGED: {places} are {found}")

    async def complete(self, works):
        """The results of what needs no more than that everything is delivered."""
        tasks = [self.spawn(work) for work in works]
        for _ in range(100):
            await self.deliver_all()
            if not self.tasks:
                return [task.result() for task in tasks]
            self.end_leases()
            await self.loop.pass_time(0.1)
        return self.history.fail(f"HANG: {self.tasks}")

    def end_leases(self):
        for name in NAMESPACES:
            for resource in RESOURCES:
                self.network.order("DEL", f"cachekit/lease:{{{name}:{resource}}}")

    async def deliver_all(self):
        """Deliver until nothing is on its way."""
        await self.quiet()
        while any(pipe.up or pipe.down for pipe in self.network.pipes):
            for pipe in list(self.network.pipes):
                while pipe.up:
                    pipe.send_up()
                self.network.settle()
                while pipe.down:
                    pipe.send_down()
            await self.quiet()

    # The steps.

    def pick(self):
        client, name = self.choose(self.focus.clients), self.choose(self.focus.namespaces)
        return self.clients[client], name, self.clients[client].spaces[name]

    def resource(self):
        return self.choose(self.focus.resources)

    async def deliver(self):
        waiting = [
            (pipe, up)
            for pipe in self.network.pipes
            for up in (True, False)
            if (pipe.up if up else pipe.down)
        ]
        if not waiting:
            return await self.pass_time()
        pipe, up = self.choose(waiting)
        if up:
            pipe.send_up()
            self.network.settle()
        else:
            pipe.send_down()
        return None

    async def deliver_to_one(self):
        """All that is on its way on one connection."""
        pipes = [pipe for pipe in self.network.pipes if pipe.up or pipe.down]
        if pipes:
            pipe = self.choose(pipes)
            for _ in range(20):
                while pipe.up:
                    pipe.send_up()
                self.network.settle()
                while pipe.down:
                    pipe.send_down()
                await self.quiet()

    async def start_get(self):
        client, name, _ = self.pick()
        self.spawn(client.get(name, self.resource()))

    async def start_get_many(self):
        client, name, _ = self.pick()
        self.spawn(client.get_many(name))

    async def start_get_or_set(self):
        client, name, _ = self.pick()
        resource, mode = self.resource(), self.choose(range(4))
        self.readers.append(self.spawn(client.get_or_set(name, resource, gated=mode != 0, context=mode == 1)))

    async def start_refresh(self):
        client, name, _ = self.pick()
        work = client.get_or_set(name, self.resource(), gated=True, context=False, refresh=True)
        self.readers.append(self.spawn(work))

    async def start_get_or_set_many(self):
        client, name, _ = self.pick()
        self.readers.append(self.spawn(client.get_or_set_many(name, gated=self.choose([True, False]))))

    async def start_set(self, only=None):
        client, name, space = self.pick()
        resource = self.resource()
        key = space.key(resource)

        async def act(data):
            return await space.set(key, data, tags=RESOURCES[resource], only=only)

        verb = f"{'add' if only else 'set'} {key}"
        self.spawn(
            client.write(verb, name, lambda other: other == key, act, key=key, tags=RESOURCES[resource])
        )

    async def start_add(self):
        await self.start_set(only="absent")

    async def start_delete(self):
        client, name, space = self.pick()
        key = space.key(self.resource())
        self.spawn(
            client.write(f"delete {key}", name, lambda other: other == key, lambda _: space.delete(key))
        )

    async def start_invalidate(self):
        client, name, space = self.pick()
        tag = self.choose(["odd", "all", "even"])
        matches = {space.key(resource) for resource, tags in RESOURCES.items() if tag in tags}
        self.spawn(
            client.write(
                *(f"tag {tag}", name, matches.__contains__),
                lambda _: space.invalidate(tags=[tag]),
                tag=tag,
            )
        )

    async def start_pattern(self):
        client, name, space = self.pick()
        pattern = self.choose(["a:*", "?:1", "a:1", "z:*"])
        matches = {
            "a:*": {space.key("a:1"), space.key("a:2")},
            "?:1": {space.key("a:1"), space.key("b:1")},
            "a:1": {space.key("a:1")},
            "z:*": set(),
        }[pattern]
        self.spawn(
            client.write(
                f"pattern {pattern}",
                name,
                matches.__contains__,
                lambda _: space.invalidate(pattern=pattern),
            )
        )

    async def start_clear(self):
        client, name, space = self.pick()
        self.spawn(client.write("clear", name, lambda _: True, lambda _: space.clear()))

    async def end_load(self):
        waiting = [gate for gate in self.gates if not gate.done()]
        if waiting:
            self.choose(waiting).set_result(None)

    async def fail_load(self):
        waiting = [gate for gate in self.gates if not gate.done()]
        if waiting:
            self.choose(waiting).set_exception(UpstreamDown())

    async def cancel_reader(self):
        readers = [task for task in self.readers if not task.done()]
        if readers:
            task = self.choose(readers)
            self.tasks.remove(task)
            task.cancel()

    async def pass_time(self):
        if not self.network.up and self.choose([True, False]):
            self.history.lose("the server starts, empty", self.clients)
            self.network.start()
        await self.loop.pass_time(0.1)

    async def grow_old(self):
        seconds = self.choose([7, 61, 121])
        for client in self.clients:
            client.clock.advance(seconds)
        self.history.aged_at = self.history.tick(f"{seconds} s pass on the clients' clocks")

    # Troubles.

    async def drop(self):
        """The server closes a connection, after what it has said already."""
        if not self.network.pipes:
            return
        pipe = self.choose(self.network.pipes)
        self.history.tick(f"{pipe.client}: the server drops connection {pipe.name}, follower={pipe.follows}")
        self.network.order("CLIENT KILL", "ID", pipe.id)

    async def cut(self):
        """A connection breaks, with all that was on its way."""
        if not self.network.pipes:
            return
        pipe = self.choose(self.network.pipes)
        self.history.tick(f"{pipe.client}: connection {pipe.name} breaks, follower={pipe.follows}")
        pipe.close()

    async def end_block(self):
        """A follower's XREAD ends without news."""
        for pipe in self.network.pipes:
            if pipe.follows:
                self.network.order("CLIENT UNBLOCK", pipe.id, "TIMEOUT")
        now = self.history.tick("blocking reads end")
        self.history.looked_at = min(self.history.looked_at, now)

    def lose(self, *command):
        self.history.lose(f"the server: {command}", self.clients)
        self.network.order(*command)

    async def flush(self):
        self.lose("FLUSHALL")
        self.history.flushed(NAMESPACES)

    async def lose_log(self):
        self.lose("DEL", LOG)

    async def trim_log(self):
        """Rules about other things come, and old ones go: nothing may depend on those."""
        self.history.aged_at = self.history.tick("the log is trimmed")
        self.network.order("EVAL", APPEND, 1, LOG, "f00", 1_000_000, 1_000, "other", "all", "")
        self.network.order("XTRIM", LOG, "MAXLEN", self.choose([1, 2]))

    async def lose_lease(self):
        _, _, space = self.pick()
        self.lose("DEL", f"cachekit/lease:{{{space.key(self.resource())}}}")

    async def lose_value(self):
        _, _, space = self.pick()
        self.lose("DEL", space.key(self.resource()))

    async def kill_server(self):
        """Kill the server; when time passes, it comes back."""
        if self.network.up:
            self.history.lose("the server is killed", self.clients)
            self.network.stop()


DELIVERIES = {Run.deliver: 100, Run.deliver_to_one: 20, Run.deliver_all: 10}
READS = {
    Run.start_get: 14,
    Run.start_get_many: 2,
    Run.start_get_or_set: 20,
    Run.start_refresh: 3,
    Run.start_get_or_set_many: 3,
    Run.end_load: 14,
    Run.fail_load: 2,
    Run.cancel_reader: 3,
}
WRITES = {
    Run.start_set: 7,
    Run.start_add: 2,
    Run.start_delete: 7,
    Run.start_invalidate: 8,
    Run.start_pattern: 4,
    Run.start_clear: 2,
}
TIME = {Run.pass_time: 5, Run.grow_old: 2}
TROUBLES = {
    Run.drop: 4,
    Run.cut: 4,
    Run.end_block: 3,
    Run.flush: 2,
    Run.lose_log: 2,
    Run.trim_log: 2,
    Run.lose_lease: 2,
    Run.lose_value: 2,
    Run.kill_server: 1,
}
FEW_TROUBLES = {Run.drop: 3, Run.cut: 3, Run.trim_log: 3}


def steps(*weights):
    return [step for weight in weights for step, count in weight.items() for _ in range(count)]


@dataclass(frozen=True)
class Focus:
    """What a schedule is about: the fewer the actors, the likelier they meet."""

    steps: list
    clients: tuple = (0, 1)
    namespaces: tuple = ("shop",)
    resources: tuple = ("a:1",)


HITS = {Run.start_get: 40, Run.start_get_or_set: 25, Run.end_load: 30}
FEW_WRITES = {
    Run.start_set: 2,
    Run.start_add: 3,
    Run.start_delete: 4,
    Run.start_invalidate: 5,
    Run.start_pattern: 2,
}
SWIFT = {Run.deliver: 25, Run.deliver_to_one: 15, Run.deliver_all: 30}
QUICK = steps(SWIFT, HITS, FEW_WRITES, TIME, FEW_TROUBLES)
QUICK_AND_ROUGH = steps(SWIFT, HITS, FEW_WRITES, TIME, TROUBLES)
CALM = steps(DELIVERIES, READS, WRITES, TIME)
ROUGH = steps(DELIVERIES, READS, WRITES, TIME, TROUBLES)
BUMPY = steps(DELIVERIES, READS, WRITES, TIME, FEW_TROUBLES)
FOCUSES = [
    Focus(CALM),
    Focus(BUMPY),
    Focus(ROUGH),
    Focus(QUICK),
    Focus(QUICK_AND_ROUGH),
    Focus(CALM, clients=(0, 1, 2), resources=("a:1", "a:1", "b:1")),
    Focus(ROUGH, namespaces=("shop", "strict")),
    Focus(ROUGH, clients=(0, 1, 2), namespaces=("shop", "strict"), resources=tuple(RESOURCES)),
]


class LoopClock:
    """The breaker's time is the loop's: it stands still, too."""

    def monotonic(self):
        return asyncio.get_running_loop().time()


@pytest.fixture(scope="module")
def network():
    with Network(lambda: 0) as network:
        yield network


@pytest.fixture
def play(network, tmp_path, monkeypatch):
    """Plays one schedule, and gives its history."""
    monkeypatch.setattr(recovery, "SystemClock", LoopClock)
    # The server's time is not ours: its blocking reads end when the schedule says so.
    monkeypatch.setattr(invalidation, "_BLOCK", 3600.0)

    def play(schedule):
        network.reset()
        random.seed(0)
        with asyncio.Runner(loop_factory=StillLoop) as runner:
            run = Run(schedule, network, runner.get_loop())
            runner.run(run.play(tmp_path))
        return run.history

    return play


@pytest.mark.timeout(600)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=st.binary(min_size=250, max_size=600))
def test_no_schedule_breaks_the_contract(play, schedule):
    """Whatever is interleaved, delayed, lost or restarted: every clause of docs/consistency.md holds."""
    assert play(schedule).served > 0
