"""Sockets written by other services, with nothing but the documented key: counted, listed and cleaned."""

import json

import pytest

pytest_plugins = ["support.server_fixtures"]


async def foreign(cache, socket_id, user_id="ana", *, left=3_600):
    """What another service writes; `left` is how many seconds its key has to live."""
    moment = "2026-11-18T09:06:40Z"  # by a clock that is wrong
    theirs = {"userId": user_id, "connectedAt": moment, "lastActivity": moment, "node": 7}
    await cache.store.set(f"socket_auth:{socket_id}", json.dumps(theirs).encode(), px=left * 1_000)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("cachekit.socket_auth.census._PAUSE", 0)


async def test_foreign_sockets_are_counted_and_listed(repository, cache):
    """Once; our own, and keys that are no sockets, are left as they are."""
    await repository.set_socket_auth("ours", "ana")
    for number in range(700):
        await foreign(cache, f"f{number}", f"u{number % 2}")
    await cache.store.set("socket_auth:broken", b"nonsense", px=60_000)
    await cache.store.set("socket_auth:a:b/c", b"nonsense", px=60_000)
    await cache.store.execute("RPUSH", "socket_auth:list", "x")
    assert await repository.adopt_foreign() == 700
    assert await repository.adopt_foreign() == 0
    assert await repository.get_connected_sockets_count() == 701
    assert len(await repository.get_sockets_by_user("u1")) == 350
    assert list(await repository.get_sockets_by_user("ana")) == ["ours"]


async def test_a_foreign_socket_counts_until_its_key_ends(repository, cache, clock):
    """Its expiry says when it was last seen, whatever its service's clock says."""
    await foreign(cache, "f1", left=600)
    await repository.adopt_foreign()
    clock.advance(590)
    assert await repository.get_connected_sockets_count() == 1
    clock.advance(20)
    assert await repository.get_connected_sockets_count() == 0


async def test_a_foreign_socket_that_its_service_renews_stays_counted(repository, cache, clock):
    """And listed under its user, though its service writes no hint."""
    await foreign(cache, "f1")
    await repository.adopt_foreign()
    clock.advance(3_000)
    await foreign(cache, "f1")
    await cache.store.execute("EXPIRE", "socket_auth_index:user:ana", 5)
    assert await repository.strike_off_gone() == 0
    clock.advance(3_000)
    assert await repository.get_connected_sockets_count() == 1
    assert await cache.store.execute("TTL", "socket_auth_index:user:ana") > 3_000


async def test_a_foreign_socket_without_an_expiry_counts_as_seen(repository, cache, clock):
    """For as long as it is there."""
    await foreign(cache, "f1")
    await cache.store.execute("PERSIST", "socket_auth:f1")
    await repository.adopt_foreign()
    clock.advance(10_000)
    await repository.strike_off_gone()
    assert await repository.get_connected_sockets_count() == 1


async def test_a_foreign_socket_that_was_deleted_is_struck_off(repository, cache, clock):
    """Those whose key is gone or does not read go; those seen lately are not looked up."""
    for number in range(600):
        await foreign(cache, f"f{number}")
    await repository.adopt_foreign()
    await repository.set_socket_auth("ours", "ana")
    await cache.store.unlink(*(f"socket_auth:f{number}" for number in range(0, 600, 2)))
    await cache.store.set("socket_auth:f1", b"nonsense", px=60_000)
    assert await repository.strike_off_gone() == 0
    clock.advance(200)
    await repository.set_socket_auth("new", "ana")
    assert await repository.strike_off_gone() == 301
    assert await repository.get_connected_sockets_count() == 301


async def test_who_comes_back_while_it_is_looked_up_stays(repository, cache, clock, monkeypatch):
    """Registered between the look and the stroke: the newer hint is not struck off."""
    await foreign(cache, "s1")
    await repository.adopt_foreign()
    await cache.store.unlink("socket_auth:s1")
    clock.advance(200)
    look = cache.store.get_many

    async def look_then_register(keys):
        found = await look(keys)
        clock.advance(1)
        await repository.set_socket_auth("s1", "ana")
        return found

    monkeypatch.setattr(cache.store, "get_many", look_then_register)
    assert await repository.strike_off_gone() == 0
    monkeypatch.undo()
    assert await repository.get_connected_sockets_count() == 1


async def test_idle_foreign_sockets_are_cleaned_up(repository, cache, clock):
    """Once adopted they are removed like ours."""
    await foreign(cache, "f1")
    await repository.adopt_foreign()
    clock.advance(31 * 60)
    await repository.set_socket_auth("ours", "ana")
    assert await repository.cleanup_expired_sockets(30) == 1
    assert list(await repository.get_sockets_by_user("ana")) == ["ours"]


async def test_clean_up_spares_who_becomes_active_meanwhile(repository, cache, clock, monkeypatch):
    """Touched between the look and the removal: the record is no longer what was looked at."""
    await repository.set_socket_auth("s1", "ana")
    clock.advance(31 * 60)
    look = cache.store.get_many

    async def look_then_touch(keys):
        found = await look(keys)
        await repository.touch("s1")
        return found

    monkeypatch.setattr(cache.store, "get_many", look_then_touch)
    assert await repository.cleanup_expired_sockets(30) == 0
    monkeypatch.undo()
    assert list(await repository.get_sockets_by_user("ana")) == ["s1"]


async def test_one_at_a_time_walks(instances, cache):
    """The turn is one instance's, until its time is over."""
    a, b = instances
    assert await a.take_turn("census", 60)
    assert not await b.take_turn("census", 60)
    await cache.store.unlink("socket_auth_index:turn:census")
    assert await b.take_turn("census", 60)
