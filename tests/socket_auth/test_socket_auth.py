"""The socket-auth store: its wire format, its indexes, and sockets that never come back to life."""

import asyncio
import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sockets import Gate, keys

import cachekit
from cachekit import CacheUnavailable, ConfigurationError, InvalidValue
from cachekit.socket_auth import SocketAuth, SocketAuthRepository
from cachekit.testing import ManualClock

MOMENT = dt.datetime(2026, 11, 18, 11, 6, 40, tzinfo=dt.UTC)

pytest_plugins = ["support.server_fixtures"]


async def test_a_socket_is_stored_in_the_wire_format(repository, cache):
    """Other services read this JSON under this key, for 3600 seconds."""
    await repository.set_socket_auth("x7Fq_-", "ana")
    assert json.loads(await cache.store.get("socket_auth:x7Fq_-")) == {
        "userId": "ana",
        "connectedAt": "2026-11-18T11:06:40.000Z",
        "lastActivity": "2026-11-18T11:06:40.000Z",
    }
    assert 3_590 < await cache.store.execute("TTL", "socket_auth:x7Fq_-") <= 3_600


async def test_a_session_is_bound_and_unbound(repository, cache, clock):
    """The field sessionId appears beside the user and goes again; both count as activity."""
    await repository.set_socket_auth("s1", "ana")
    clock.advance(60)
    bound = await repository.update_socket_session("s1", "chat-1")
    assert (bound.session_id, bound.user_id) == ("chat-1", "ana")
    assert (bound.last_activity - bound.connected_at).total_seconds() == 60
    assert json.loads(await cache.store.get("socket_auth:s1"))["sessionId"] == "chat-1"
    await repository.remove_socket_session("s1")
    assert "sessionId" not in json.loads(await cache.store.get("socket_auth:s1"))


async def test_activity_renews_the_life_of_a_socket(repository, cache):
    """A socket in use does not expire, and neither do the indexes it stands in."""
    await repository.set_socket_auth("s1", "ana")
    written = ("socket_auth:s1", "socket_auth_index:sockets", "socket_auth_index:user:ana")
    for key in written:
        await cache.store.execute("EXPIRE", key, 5)
    assert await repository.touch("s1") is not None
    for key in written:
        assert 3_000 < await cache.store.execute("TTL", key) <= 3_600


async def test_a_removed_socket_leaves_no_key(repository, cache):
    """Neither the key nor an entry in an index stays behind."""
    await repository.set_socket_auth("s1", "ana")
    assert await repository.remove_socket_auth("s1") is True
    assert await repository.remove_socket_auth("s1") is False
    assert await repository.get_socket_auth("s1") is None
    assert await keys(cache) == []


@pytest.mark.parametrize("verb", ["update_socket_session", "remove_socket_session", "touch"])
async def test_a_socket_that_is_gone_does_not_come_back(repository, cache, verb):
    """A late update of a disconnected socket changes nothing."""
    arguments = ("s1", "chat-1") if verb == "update_socket_session" else ("s1",)
    assert await getattr(repository, verb)(*arguments) is None
    assert await keys(cache) == []


async def test_a_socket_removed_in_the_middle_of_an_update_stays_removed(repository, cache, monkeypatch):
    """Between the read and the write another instance disconnects it: the write finds nothing to change."""
    await repository.set_socket_auth("s1", "ana")
    read = cache.store.get

    async def read_then_lose(key):
        stored = await read(key)
        await cache.store.unlink(key)
        return stored

    monkeypatch.setattr(cache.store, "get", read_then_lose)
    assert await repository.update_socket_session("s1", "chat-1") is None
    monkeypatch.undo()
    assert await repository.get_socket_auth("s1") is None


async def test_updates_at_the_same_time_lose_nothing(repository):
    """Compare-and-set: a binding is not undone by a touch that had read the older value."""
    await repository.set_socket_auth("s1", "ana")
    await asyncio.gather(
        repository.touch("s1"), repository.update_socket_session("s1", "chat-1"), repository.touch("s1")
    )
    assert (await repository.get_socket_auth("s1")).session_id == "chat-1"


async def test_what_redis_is_asked_is_little(repository, cache, clock, monkeypatch):
    """One round trip for a connect, for any number of touches or removals; two for finding by user."""
    gate = Gate(cache.store, monkeypatch)
    users = {f"s{number}": f"u{number % 3}" for number in range(100)}
    for socket_id, user_id in users.items():
        await repository.set_socket_auth(socket_id, user_id)
    await repository.touch_many(users)  # the script's text travels once to each server
    clock.advance(1)
    assert await gate.round_trips(repository.set_socket_auth("new", "ana")) == 1
    assert await gate.round_trips(repository.touch_many({"s1": "u1"})) == 1
    clock.advance(1)
    assert await gate.round_trips(repository.touch_many(users)) == 1
    clock.advance(1)
    assert await gate.round_trips(repository.renew_many(users)) == 1
    assert await gate.round_trips(repository.get_sockets_by_user("u1")) == 2
    assert await gate.round_trips(repository.get_connected_sockets_count()) == 1
    assert await gate.round_trips(repository.remove_many(users)) == 1


async def test_many_are_touched_at_once(repository, cache, clock):
    """Each of them, its session untouched; who is gone is named, and does not come back."""
    users = {f"s{number}": "ana" for number in range(1_100)}
    for socket_id in users:
        await repository.set_socket_auth(socket_id, "ana", "chat-1")
    await repository.remove_many({"s7": "ana", "s1099": "ana"})
    clock.advance(60)
    assert await repository.touch_many(users) == {"s7", "s1099"}
    found = await repository.get_sockets_by_user("ana")
    assert len(found) == await repository.get_connected_sockets_count() == 1_098
    idle = {(auth.last_activity - auth.connected_at).total_seconds() for auth in found.values()}
    assert (idle, {auth.session_id for auth in found.values()}) == ({60}, {"chat-1"})


async def test_renewing_leaves_the_last_activity(repository, cache, clock):
    """A silent socket lives on; its user has not become active."""
    await repository.set_socket_auth("s1", "ana")
    await cache.store.execute("EXPIRE", "socket_auth:s1", 5)
    clock.advance(3_000)
    assert await repository.renew_many({"s1": "ana", "s2": "ana"}) == {"s2"}
    auth = await repository.get_socket_auth("s1")
    assert auth.last_activity == auth.connected_at
    assert await cache.store.execute("TTL", "socket_auth:s1") > 3_000
    clock.advance(3_000)
    assert await repository.get_connected_sockets_count() == 1


@pytest.mark.parametrize("verb", ["touch_many", "renew_many"])
async def test_hints_that_were_lost_come_back(repository, cache, clock, verb):
    """An index that was evicted is written again as its sockets are told of."""
    await repository.set_socket_auth("s1", "ana")
    await repository.set_socket_auth("s2", "ana")
    await cache.store.unlink("socket_auth_index:sockets", "socket_auth_index:user:ana")
    clock.advance(1)
    assert await getattr(repository, verb)({"s1": "ana", "s2": "ana", "gone": "ana"}) == {"gone"}
    assert await repository.get_connected_sockets_count() == 2
    assert list(await repository.get_sockets_by_user("ana")) == ["s1", "s2"]


async def test_what_redis_has_lost_is_restored(repository, clock):
    """As it was; what is there is left alone."""
    await repository.set_socket_auth("s1", "ana", "chat-1")
    clock.advance(1)
    await repository.restore_many({"s1": AUTH, "s2": AUTH})
    assert (await repository.get_socket_auth("s1")).session_id == "chat-1"
    assert await repository.get_socket_auth("s2") == AUTH
    assert await repository.get_connected_sockets_count() == 2


STAMP = "2026-11-18T11:06:40.000Z"
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60)
@given(
    user_id=texts
    | st.sampled_from(['"lastActivity":"', "\\", '","lastActivity":"2026-11-18T11:06:40.000Z"}']),
    session_id=st.none() | texts,
    more=st.none() | st.dictionaries(texts, texts | st.just(STAMP) | st.lists(texts), max_size=3),
    spaced=st.booleans(),
)
async def test_a_touch_changes_the_last_activity_and_nothing_else(user_id, session_id, more, spaced):
    """Whatever the record is made of, by whichever service it was written."""
    theirs = {"userId": user_id, "connectedAt": STAMP, "lastActivity": STAMP}
    theirs |= {} if session_id is None else {"sessionId": session_id}
    theirs = {**(more or {}), **theirs}
    stored = json.dumps(theirs, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=spaced)
    async with cachekit.connect("memory://", clock=ManualClock()) as cache:
        repository = SocketAuthRepository(cache)
        cache.clock.advance(60)
        await cache.store.set("socket_auth:s1", stored.encode(), px=60_000)
        assert await repository.touch_many({"s1": user_id}) == frozenset()
        touched = json.loads(await cache.store.get("socket_auth:s1"))
        assert touched == theirs | {"lastActivity": touched["lastActivity"]}
        assert touched["lastActivity"] != STAMP


async def test_sockets_are_counted(repository, clock):
    """Those active within the ttl count; those that fell silent do not."""
    await repository.set_socket_auth("s1", "ana")
    clock.advance(1_800)
    await repository.set_socket_auth("s2", "bob")
    assert await repository.get_connected_sockets_count() == 2
    clock.advance(1_900)
    assert await repository.get_connected_sockets_count() == 1


async def test_sockets_of_a_user_are_found(repository, clock):
    """All of hers, oldest first, and nobody else's."""
    await repository.set_socket_auth("s1", "ana")
    await repository.set_socket_auth("s2", "bob")
    clock.advance(1)
    await repository.set_socket_auth("s3", "ana")
    assert list(await repository.get_sockets_by_user("ana")) == ["s1", "s3"]
    assert await repository.get_sockets_by_user("eve") == {}


async def test_the_index_of_a_user_is_only_a_hint(repository, cache):
    """A socket whose key has expired is not reported, and is struck off."""
    await repository.set_socket_auth("s1", "ana")
    await cache.store.unlink("socket_auth:s1")
    assert await repository.get_sockets_by_user("ana") == {}
    assert await cache.store.execute("ZCARD", "socket_auth_index:user:ana") == 0


async def test_idle_sockets_are_cleaned_up(repository, clock, cache):
    """Those idle for longer than the age go, with their index entries; the others stay."""
    for number in range(1_100):
        await repository.set_socket_auth(f"idle{number}", "ana")
    clock.advance(31 * 60)
    await repository.set_socket_auth("active", "ana")
    assert await repository.cleanup_expired_sockets(30) == 1_100
    assert list(await repository.get_sockets_by_user("ana")) == ["active"]
    assert await repository.get_connected_sockets_count() == 1


async def test_clean_up_spares_a_socket_whose_index_lags(repository, clock, cache):
    """The key is the truth: what it says is active stays, and its index is mended."""
    await repository.set_socket_auth("s1", "ana")
    await cache.store.execute("ZADD", "socket_auth_index:sockets", 0, "s1")
    assert await repository.cleanup_expired_sockets(30) == 0
    assert await repository.get_connected_sockets_count() == 1


AUTH = SocketAuth(user_id="ana", connected_at=MOMENT, last_activity=MOMENT)
GOOD = b'{"userId":"ana","connectedAt":"2026-11-18T11:06:40Z","lastActivity":"2026-11-18T11:06:40Z"'
DEEP = b',"more":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    "damage",
    [b"nonsense", b"{}", b'{"userId":"","connectedAt":"x"}', b"\xff", GOOD + DEEP],
    ids=["text", "fields", "empty", "utf-8", "depth"],
)
async def test_a_value_that_does_not_read_is_nobody(repository, cache, damage):
    """A foreign value authenticates no one, and raises nothing."""
    await cache.store.set("socket_auth:s1", damage, px=60_000)
    assert await repository.get_socket_auth("s1") is None
    assert await repository.touch("s1") is None
    assert await repository.remove_socket_auth("s1") is True


async def test_what_stands_damaged_beside_our_fields_is_not_changed(repository, cache):
    """It is read for what we know of it; a change that would lose the rest is not made."""
    await cache.store.set("socket_auth:s1", GOOD + b',"more":1e999}', px=60_000)
    assert (await repository.get_socket_auth("s1")).user_id == "ana"
    assert await repository.touch("s1") is None


async def test_a_key_of_another_type_is_nobody(repository, cache):
    """One odd key does not hide the user's other sockets."""
    await repository.set_socket_auth("s1", "ana")
    await repository.set_socket_auth("s2", "ana")
    await cache.store.unlink("socket_auth:s1")
    await cache.store.execute("RPUSH", "socket_auth:s1", "x")
    assert await repository.get_socket_auth("s1") is None
    assert list(await repository.get_sockets_by_user("ana")) == ["s2"]


async def test_a_value_written_by_another_service_is_read(repository, cache):
    """The documented fields are enough, whatever stands beside them."""
    theirs = {
        "userId": "42",
        "sessionId": "s",
        "connectedAt": "2026-11-18T11:06:40Z",
        "lastActivity": "2026-11-18T11:06:40.5Z",
        "more": 1,
    }
    await cache.store.set("socket_auth:s1", json.dumps(theirs).encode(), px=60_000)
    auth = await repository.get_socket_auth("s1")
    assert (auth.user_id, auth.session_id) == ("42", "s")


async def test_what_another_service_wrote_beside_our_fields_stays(repository, cache):
    """An update changes what it is about, and nothing else."""
    theirs = {
        "device": {"os": "x", "tags": []},
        "userId": "42",
        "connectedAt": "2026-11-18T11:06:40Z",
        "lastActivity": "2026-11-18T11:06:40Z",
    }
    await cache.store.set("socket_auth:s1", json.dumps(theirs).encode(), px=60_000)
    await repository.update_socket_session("s1", "chat-1")
    stored = json.loads(await cache.store.get("socket_auth:s1"))
    assert (stored["device"], stored["sessionId"]) == ({"os": "x", "tags": []}, "chat-1")


async def test_what_a_crashed_instance_left_behind_goes_by_itself(repository, cache, clock):
    """Index entries of expired sockets are struck off when somebody connects, and the index expires too."""
    await repository.set_socket_auth("crashed", "ana")
    clock.advance(3_601)
    await repository.set_socket_auth("s2", "bob")
    assert await cache.store.execute("ZRANGE", "socket_auth_index:sockets", 0, -1) == [b"s2"]
    assert 0 < await cache.store.execute("TTL", "socket_auth_index:sockets") <= 3_600


async def test_what_is_returned_is_what_is_stored(repository, clock):
    """Times are told to the millisecond, as they are written."""
    clock.advance(0.123456)
    assert await repository.set_socket_auth("s1", "ana") == await repository.get_socket_auth("s1")


async def test_ids_from_outside_cannot_reach_other_keys(repository, cache):
    """Separators and globs in ids are escaped."""
    await repository.set_socket_auth("a:*", "u:*")
    assert await keys(cache) == [
        "socket_auth:a%3A%2A",
        "socket_auth_index:sockets",
        "socket_auth_index:user:u%3A%2A",
    ]
    assert list(await repository.get_sockets_by_user("u:*")) == ["a:*"]


async def test_empty_ids_and_ages_are_refused(repository, cache):
    """Nothing is registered for nobody, and no clean-up removes everything by accident."""
    with pytest.raises(InvalidValue, match="user_id"):
        await repository.set_socket_auth("s1", "")
    with pytest.raises(InvalidValue, match="session_id"):
        await repository.update_socket_session("s1", "")
    with pytest.raises(ConfigurationError, match="max_age_minutes"):
        await repository.cleanup_expired_sockets(0)
    with pytest.raises(ConfigurationError, match="ttl"):
        SocketAuthRepository(cache, ttl=0)
    with pytest.raises(ConfigurationError, match="heartbeat"):
        SocketAuthRepository(cache, heartbeat=0)
    with pytest.raises(ConfigurationError, match="instance"):
        await repository.beat()
    with pytest.raises(ConfigurationError, match="instance"):
        await repository.get_sockets_by_instance()


async def test_health_tells_whether_redis_answers(repository):
    """Up, with a round trip in seconds."""
    health = await repository.health_check()
    assert health.up
    assert health.latency >= 0


async def test_while_redis_is_away_nobody_is_authenticated():
    """Every verb raises; only the health check answers."""
    async with cachekit.connect("redis://127.0.0.1:1", timeout=1) as cache:
        repository = SocketAuthRepository(cache, instance="a")
        for call in (
            repository.get_socket_auth("s1"),
            repository.set_socket_auth("s1", "ana"),
            repository.restore_many({"s1": AUTH}),
            repository.remove_socket_auth("s1"),
            repository.remove_many({"s1": "ana"}),
            repository.update_socket_session("s1", "chat-1"),
            repository.touch("s1"),
            repository.touch_many({"s1": "ana"}),
            repository.renew_many({"s1": "ana"}),
            repository.get_connected_sockets_count(),
            repository.get_sockets_by_user("ana"),
            repository.get_sockets_by_instance(),
            repository.cleanup_expired_sockets(30),
            repository.beat(),
            repository.retire(),
            repository.reap(),
            repository.adopt_foreign(),
            repository.strike_off_gone(),
        ):
            with pytest.raises(CacheUnavailable):
                await call
        assert (await repository.health_check()).up is False
