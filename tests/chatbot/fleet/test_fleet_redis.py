"""Redis restarted, away or mute while people talk: what they are told, and that everything goes on."""

import asyncio
import contextlib
import random
from collections import Counter, defaultdict

import aiohttp
import pytest
from fleet_rig import BOUND, Line, Lost, until_no_socket
from gateway_worker import recited
from support.rig import token
from support.sockets import eventually

RESTARTS = 3
WATCHED = {"server:notice", "server:disconnected", "auth:revoked"}


class Tab:
    """A second tab of a person's, at an instance of its own: it only looks, and keeps its connection."""

    def __init__(self, person):
        self.person = person
        self.events = defaultdict(list)
        self.line = Line(person.http, self._take)

    async def open(self, gateway):
        await self.person.begin()
        await self.line.open(gateway.url, {"token": token(self.person.name)})
        reply = await self.line.call("chat:start", {"sessionId": self.person.session_id})
        assert reply["ok"], reply

    def _take(self, _line, event, payload):
        if "seq" in payload:
            self.events[payload["answerId"]].append((event, payload))

    async def until_done(self, asked):
        """Wait until it has the end of that answer, and see that it has all of it."""
        while not any(event == "chat:done" for event, _ in self.events[asked.answer_id]):
            await asyncio.sleep(0.02)
        asked.require_whole(self.events[asked.answer_id])


class Watching:
    """A connection at one instance, and what it was told that had to arrive."""

    def __init__(self, http, gateway, user, **claims):
        self.told = []
        self.gateway = gateway
        self.auth = {"token": token(user, **claims)}
        self.line = Line(http, self._take)

    async def open(self):
        """Get in, however often that takes."""
        while True:
            with contextlib.suppress(Lost):
                await self.line.open(self.gateway.url, self.auth)
                return self
            assert self.line.refused["code"] == "unavailable"
            await asyncio.sleep(0.05)

    @property
    def notices(self):
        return [payload["text"] for event, payload in self.told if event == "server:notice"]

    def _take(self, _line, event, payload):
        if event in WATCHED:
            self.told.append((event, payload))


class Admin:
    """Gives orders at whichever instance, each until it is accepted."""

    def __init__(self, http, fleet, choose):
        self._http, self._fleet, self._choose = http, fleet, choose
        self.noticed = []

    async def give(self, path, **body):
        root = {"Authorization": f"Bearer {token('root', roles=['admin'])}"}
        while True:
            url = f"{self._choose.choice(self._fleet.gateways).url}/admin/{path}"
            async with self._http.post(url, json=body, headers=root) as reply:
                if reply.status < 300:
                    return
                assert (reply.status, (await reply.json())["error"]["code"]) == (503, "unavailable")
            await asyncio.sleep(0.02)

    async def give_all(self, number, begun):
        """One order of each kind, about a socket at each instance; they are obeyed at each."""
        gateways = self._fleet.gateways
        expelled = [await Watching(self._http, each, f"expelled{number}").open() for each in gateways]
        revoked = [
            await Watching(self._http, each, f"revoked{number}", jti=f"t{number}").open() for each in gateways
        ]
        begun.set()
        for count in range(3):
            await self.give("notices", text=f"{number}.{count}")
            self.noticed.append(f"{number}.{count}")
        await self.give(f"users/expelled{number}/disconnect", reason="enough")
        await self.give("revocations", tokenId=f"t{number}")
        for each in (*expelled, *revoked):
            await each.line.gone.wait()
            await each.line.close()
        assert {each.told[-1][0] for each in expelled} == {"server:disconnected"}
        assert {each.told[-1][0] for each in revoked} == {"auth:revoked"}


async def restart(server, choose):
    """At some moment from now, for a while."""
    await asyncio.sleep(choose.uniform(0, 0.03))
    with server.dead():
        await asyncio.sleep(choose.uniform(0, 0.3))


async def test_what_must_arrive_arrives_around_a_restart(server, fleet, people):
    """Notices, disconnects and revocations, published before, while and after Redis is restarted under load.

    At every instance, in order.
    """
    choose = random.Random(3)
    await fleet.start(2)
    load = [asyncio.create_task(talk(person)) for person in people(6, seed=3)]
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        watchers = [await Watching(http, each, "watcher").open() for each in fleet.gateways]
        admin = Admin(http, fleet, choose)
        for number in range(RESTARTS):
            begun = asyncio.Event()
            giving = asyncio.create_task(admin.give_all(number, begun))
            await begun.wait()
            await restart(server, choose)
            await giving
        for each in watchers:
            while admin.noticed[-1] not in each.notices:
                await asyncio.sleep(0.02)
            # One may have been accepted although its sender was told otherwise, who sent it again.
            assert [*dict.fromkeys(each.notices)] == admin.noticed
            assert not each.line.gone.is_set()
            await each.line.close()
        assert watchers[0].notices == watchers[1].notices
    for task in load:
        task.cancel()
    assert {type(each) for each in await asyncio.gather(*load, return_exceptions=True)} == {
        asyncio.CancelledError
    }


async def talk(person):
    while True:
        asked = await person.ask()
        asked.require_whole()


async def test_answers_end_around_a_restart(server, fleet, people):
    """Each as it would have ended, also for a second tab that only looks; people are told to try again."""
    choose = random.Random(6)
    await fleet.start(2)
    everybody = people(8, seed=6)
    tabs = [Tab(person) for person in everybody]
    async with asyncio.timeout(60):
        for tab in tabs:
            await tab.open(choose.choice(fleet.gateways))

        async def talk_on(person):
            while len(person.asked) < 2 or not troubling.done():
                await person.ask()

        async def trouble():
            for _ in range(RESTARTS):
                await asyncio.sleep(choose.uniform(0.2, 0.8))
                await restart(server, choose)

        troubling = asyncio.create_task(trouble())
        await asyncio.gather(troubling, *(talk_on(person) for person in everybody))
        for tab in tabs:
            for asked in tab.person.asked:
                asked.require_whole()
                await tab.until_done(asked)
            await tab.line.close()
    assert set().union(*(person.codes for person in everybody)) <= {"unavailable"}


@pytest.mark.parametrize("trouble", ["dead", "paused"])
async def test_nobody_hangs_while_redis_is_away(server, fleet, people, cache, trouble):
    """For five seconds: every request is answered, and questions and connects are told to be tried again.

    An answer that is being written goes on for its reader, and ends once Redis is back to keep it.
    """
    await fleet.start(2, pace=0.1)
    writer, *others = everybody = people(6, seed=4)
    writer.patience = BOUND
    async with asyncio.timeout(60):
        await asyncio.gather(*(person.ask() for person in others))
        asking = asyncio.create_task(writer.ask())
        while not writer.asked or len(writer.asked[0].events) < 3:
            await asyncio.sleep(0.02)
        with getattr(server, trouble)():
            told = await asyncio.gather(*(ask_for(person, 5.0) for person in others))
            assert not asking.done()
            assert writer.asked[0].said == "".join(recited(writer.asked[0].text))
        await asking
        await asyncio.gather(*(person.ask() for person in everybody))
    for codes in told:
        assert codes.keys() == {"chat:start", "chat:message", "connect"}
        assert all(set(each) == {"unavailable"} for each in codes.values()), codes
    assert writer.connects == 1
    for person in everybody:
        for asked in person.asked:
            asked.require_whole()


async def ask_for(person, seconds):
    """Try everything for so long; the codes of what was refused, by request."""
    codes = {"chat:start": Counter(), "chat:message": Counter(), "connect": Counter()}
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        for event, payload in (
            ("chat:start", {"sessionId": person.session_id}),
            ("chat:message", {"sessionId": person.session_id, "messageId": "lost", "text": "?"}),
        ):
            reply = await person.line.call(event, payload, within=BOUND)
            codes[event][reply["error"]["code"]] += 1
        line = Line(person.http, lambda *_: None)
        with contextlib.suppress(Lost):
            await line.open(person.at.url, {"token": token(person.name)})
            await line.close()
            raise AssertionError("nobody gets in without Redis")
        codes["connect"][line.refused["code"]] += 1
        await asyncio.sleep(0.1)
    return codes


async def test_a_storm_of_connects_while_redis_restarts(server, fleet, cache):
    """Who is refused is told to try again, and gets in; of all of them no key is left."""
    await fleet.start(2)
    choose, codes = random.Random(5), Counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, asyncio.timeout(60):

        async def come(number):
            await asyncio.sleep(choose.uniform(0, 1))  # When each comes; nobody waits for it.
            while True:
                line = Line(http, lambda *_: None)
                try:
                    await line.open(choose.choice(fleet.gateways).url, {"token": token(f"u{number}")})
                except Lost:
                    codes[line.refused["code"], line.refused["message"]] += 1
                    await line.close()
                    await asyncio.sleep(choose.uniform(0.05, 0.3))
                else:
                    return line

        storm = asyncio.gather(*(come(number) for number in range(300)))
        for _ in range(2):
            await asyncio.sleep(choose.uniform(0.1, 0.4))
            with server.dead():
                await asyncio.sleep(choose.uniform(0.1, 0.3))
        lines = await storm
        await eventually(lambda: counted(cache, 300), "all are registered")
        assert not any(line.gone.is_set() for line in lines)
        await asyncio.gather(*(line.close() for line in lines))
        await until_no_socket(cache)
    assert {code for code, _ in codes} == {"unavailable"}
    assert len({message for _, message in codes}) == 1, "one sentence, whatever broke"


async def counted(cache, number):
    return await cache.store.execute("ZCARD", "socket_auth_index:sockets") == number
