"""Sessions and their archive in a cluster, where one script can touch one slot only, and over restarts."""

import asyncio

from support.chat import forget, talk
from support.servers import Server

import cachekit
from chatbot.archive import Archiver, SessionArchive
from chatbot.sessions import SessionRepository

pytest_plugins = ["support.server_fixtures"]


async def round_trip(cache, table, archiver):
    """Sessions of every partition are archived, forgotten, read back, and one is deleted."""
    sessions = SessionRepository(cache, archive=SessionArchive(table, cache.clock))
    ids = [await sessions.begin("ana") for _ in range(40)]
    for session_id in ids:
        await talk(sessions, session_id, 1)
    while await archiver.log.backlog():
        await archiver.round()
    await asyncio.gather(*(forget(cache, session_id) for session_id in ids))
    for session_id in ids:
        assert len(await sessions.history(session_id, "ana")) == 2
    await sessions.delete(ids[0], "ana")
    assert {info.id for info in await sessions.list("ana")} == set(ids[1:])
    assert await archiver.round() == 1
    assert await table.query(f"SESSION#{ids[0]}", "MSG#") == []


async def test_it_works_in_a_cluster(cluster, table):
    """Each script has all its keys in one slot, each pipeline may span all."""
    async with cachekit.connect(cluster.url) as cache:
        await round_trip(cache, table, Archiver(cache, table, consumer="one"))


async def test_it_works_in_memory(table):
    """With no server at all, as in unit tests."""
    async with cachekit.connect("memory://") as cache:
        await round_trip(cache, table, Archiver(cache, table, consumer="one"))


async def test_redis_may_be_killed_while_sessions_are_archived(table, rows):
    """One that writes its log at every command loses nothing; the archiver goes on when it is back."""
    arguments = ("--appendonly", "yes", "--appendfsync", "always")
    with Server(*arguments) as server:
        async with cachekit.connect(server.url) as cache:
            sessions = SessionRepository(cache, archive=SessionArchive(table, cache.clock))
            session_id = await sessions.begin("ana")
            await talk(sessions, session_id, *range(10))
            async with Archiver(cache, table, consumer="one", poll=0.01, claim_after=1) as archiver:
                for _ in range(3):
                    with server.dead():
                        pass
                async with asyncio.timeout(30):
                    while not archiver.healthy or await archiver.log.backlog():
                        await asyncio.sleep(0.01)
            assert len(await rows(session_id)) == 20
            assert len(await sessions.history(session_id, "ana")) == 20
