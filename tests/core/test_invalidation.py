"""The mirror of the log: nothing is missed, and entries of a log that was lost are invalid."""

import asyncio
import random
import time
from contextlib import asynccontextmanager

import pytest
from support.servers import until

import cachekit
from cachekit import Policy
from cachekit.core.invalidation import InvalidationLog
from cachekit.core.store import open_store
from cachekit.testing import ChaosProxy
from cachekit.testing.contract.fixtures import gone

pytest_plugins = ["support.server_fixtures"]

LOG = "cachekit/log:app"
KEY = "shop:a"


class Process:
    """One process' mirror of the log."""

    def __init__(self, store, **options):
        self.store = store
        self.restarts = 0
        self.log = InvalidationLog(
            store, app="app", timeout=1.0, on_restart=self._restart, **{"retention": 3600, **options}
        )
        self.rules = self.log.rules

    def _restart(self):
        self.restarts += 1

    async def follow(self):
        self.log.start()
        await until(lambda: self.log.live, "the mirror follows")

    async def hears(self, position):
        await until(lambda: self.rules.position == position, f"position {position} is known")

    def spares(self, position, *tags):
        return self.rules.of("shop").spare(KEY, tags, position)

    def spares_entry(self, stamp, tag):
        return stamp[0] == self.rules.incarnation and self.spares(stamp[1], tag)


@asynccontextmanager
async def process(url, **options):
    async with open_store(url, app="app", max_connections=4, timeout=1.0) as store:
        made = Process(store, **options)
        try:
            yield made
        finally:
            await made.log.aclose()


@pytest.fixture
async def ours(standalone):
    """Our process; it does not follow before it is told to."""
    async with process(standalone.url) as made:
        yield made


@pytest.fixture
async def theirs(standalone):
    """Another process on the same server."""
    async with process(standalone.url) as made:
        yield made


def records(server):
    """The fields of each record, oldest first."""
    return [fields for _, fields in server.call("XRANGE", LOG, "-", "+")]


def positions(server):
    return [int(fields["n"]) for fields in records(server)]


def cut_the_log(server, keep):
    """Trim all but the newest records."""
    server.call("XTRIM", LOG, "MAXLEN", keep)


def go_back_in_time(server, keep):
    """The server is a replica now that had only so many records yet; that takes more than a millisecond."""
    time.sleep(0.002)
    older = server.call("XRANGE", LOG, "-", "+", "COUNT", keep)
    server.call("DEL", LOG)
    for id_, fields in older:
        server.call("XADD", LOG, id_, *(text for pair in fields.items() for text in pair))


async def test_the_first_one_begins_the_log(ours, standalone):
    """With a record that names its incarnation, at position 0."""
    await ours.log.read()
    incarnation, position = await ours.log.stamp()
    assert records(standalone) == [{"log": incarnation, "n": "0", "kind": "birth"}]
    assert (position, ours.restarts) == (0, 1)


async def test_all_that_start_at_once_begin_one_log(standalone):
    """Nobody throws away what another has begun."""
    async with process(standalone.url) as one, process(standalone.url) as other:
        await asyncio.gather(one.log.append("shop", "tag", "a"), other.log.append("shop", "tag", "b"))
        await asyncio.gather(one.log.read(), other.log.read())
        assert (await one.log.stamp(), await other.log.stamp()) == (await other.log.stamp(),) * 2
        assert one.rules.position == 2


async def test_a_log_that_is_there_is_read_from_its_beginning(ours, theirs):
    """However long it is."""
    await theirs.log.append("shop", "tag", *map(str, range(2_500)))
    await ours.log.read()
    assert ours.rules.position == 2_500
    assert [ours.spares(position, "1000") for position in (1_000, 1_001)] == [False, True]


async def test_several_values_are_one_command_and_as_many_rules(ours, standalone):
    """Applied before append returns; the stamp is that of the last."""
    await ours.log.read()
    before = standalone.call("INFO", "commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    incarnation, last = await ours.log.append("shop", "tag", "a", "b", "c")
    assert standalone.call("INFO", "commandstats")["cmdstat_evalsha"]["calls"] - before <= 1
    assert (incarnation, last) == ours.rules.stamp
    assert last == 3
    assert [ours.spares(position, "b") for position in (1, 2)] == [False, True]
    assert positions(standalone) == [0, 1, 2, 3]


async def test_a_follower_hears_of_another_process(ours, theirs):
    """Without asking."""
    await ours.follow()
    await theirs.log.append("shop", "tag", "t")
    await ours.hears(1)
    assert not ours.spares(0, "t")


async def test_a_follower_hears_over_resp2_too(standalone):
    """Its replies have other shapes, and a server or a proxy may speak nothing else."""
    url = f"{standalone.url}?protocol=2"
    async with process(url) as ours, process(url) as theirs:
        await theirs.follow()
        await ours.log.append("shop", "tag", "a")
        await theirs.hears(1)
        assert theirs.log.live


async def test_a_mirror_whose_follower_died_is_not_believed(ours, theirs, monkeypatch):
    """Whatever it died of: readers look at the log themselves from then on."""
    await theirs.follow()
    monkeypatch.setattr(theirs.log, "_take", lambda _: 1 / 0)
    await ours.log.append("shop", "tag", "a")
    await until(lambda: not theirs.log.live, "the mirror is given up")
    monkeypatch.undo()
    await theirs.log.read()
    assert theirs.rules.position == 1


async def test_a_burst_longer_than_a_page_is_followed(ours, theirs):
    """Every record of it."""
    await ours.follow()
    for _ in range(3):
        await theirs.log.append("shop", "tag", *map(str, range(1_100)))
    await ours.hears(3_300)
    assert ours.rules.of("shop").floor == 0
    assert not ours.spares(2_200, "1099")


async def test_an_own_rule_is_in_force_though_the_mirror_lags(ours, theirs):
    """And those before it are not skipped."""
    await ours.log.read()
    await theirs.log.append("shop", "tag", "theirs")
    await ours.log.append("shop", "tag", "ours")
    assert (ours.rules.position, ours.rules.stamp[1]) == (0, 2)
    assert [ours.spares(1, "ours"), ours.spares(0, "theirs")] == [False, True]
    await ours.log.read()
    assert ours.rules.position == 2
    assert not ours.spares(0, "theirs")


@pytest.mark.parametrize("verb", ["kill", "proxy"])
async def test_a_lost_connection_loses_nothing(theirs, standalone, verb):
    """What was appended meanwhile is read when there is a connection again, and no gap is seen."""
    async with ChaosProxy(standalone.url) as proxy, process(proxy.url) as ours:
        await ours.follow()
        await theirs.log.append("shop", "tag", "before")
        await ours.hears(1)
        if verb == "kill":
            for line in standalone.call("CLIENT", "LIST").splitlines():
                client = dict(pair.split("=", 1) for pair in line.split())
                if client["cmd"] == "xread":
                    standalone.call("CLIENT", "KILL", "ID", client["id"])
        else:
            await proxy.cut()
            await until(lambda: not ours.log.live, "the loss is noticed")
        await theirs.log.append("shop", "tag", *map(str, range(1_500)))
        await proxy.heal()
        await ours.hears(1_501)
        assert (ours.rules.of("shop").floor, ours.restarts) == (0, 1)
        assert not ours.spares(0, "7")
        await until(lambda: ours.log.live, "the mirror follows again")


async def test_a_connection_that_fell_silent_is_given_up(standalone, theirs):
    """A black hole is noticed without a word from it."""
    async with ChaosProxy(standalone.url) as proxy, process(proxy.url) as ours:
        await ours.follow()
        await proxy.black_hole()
        await until(lambda: not ours.log.live, "the silence is noticed")
        await theirs.log.append("shop", "tag", "t")
        await proxy.heal()
        await ours.hears(1)


async def test_a_log_trimmed_past_the_cursor_makes_older_entries_invalid(ours, theirs, standalone):
    """Rules between what we knew and what is left are lost."""
    await ours.log.read()
    for _ in range(10):
        await theirs.log.append("shop", "tag", "t")
    cut_the_log(standalone, 3)
    await ours.log.read()
    assert (ours.rules.position, ours.restarts) == (10, 1)
    assert [ours.spares(position) for position in (6, 7)] == [False, True]


async def test_a_late_starter_knows_nothing_of_what_was_trimmed(ours, theirs, standalone):
    """Entries older than the oldest record left are invalid."""
    for _ in range(10):
        await theirs.log.append("shop", "tag", "t")
    cut_the_log(standalone, 3)
    await ours.log.read()
    assert [ours.spares(position) for position in (6, 7)] == [False, True]


@pytest.mark.parametrize(
    "command", [["FLUSHALL"], ["DEL", LOG], ["SET", LOG, "x"], ["XTRIM", LOG, "MAXLEN", 0]]
)
async def test_a_lost_log_begins_another_incarnation(ours, standalone, command):
    """Flushed, evicted, overwritten or emptied: nothing is known of the rules that went with it."""
    await ours.follow()
    old, _ = await ours.log.append("shop", "tag", "t")
    await ours.hears(1)
    standalone.call(*command)
    if command[0] == "SET":
        standalone.call("DEL", LOG)
    await until(lambda: ours.rules.incarnation != old, "the loss is noticed")
    new, position = await ours.log.stamp()
    assert (position, ours.restarts) == (0, 2)
    assert await ours.log.append("shop", "tag", "t") == (new, 1)


async def test_an_invalidation_after_a_loss_is_in_force_at_once(ours, standalone):
    """append() itself finds the new incarnation."""
    await ours.log.append("shop", "tag", "t")
    standalone.call("DEL", LOG)
    incarnation, position = await ours.log.append("shop", "tag", "t")
    assert (ours.rules.incarnation, ours.rules.stamp) == (incarnation, (incarnation, position))
    assert not ours.spares(0, "t")


async def test_a_server_gone_back_in_time_begins_another_incarnation(ours, theirs, standalone):
    """Positions that were given once would be given again."""
    await ours.follow()
    for _ in range(5):
        await ours.log.append("shop", "tag", "t")
    await ours.hears(5)
    old = ours.rules.incarnation
    go_back_in_time(standalone, 4)
    await until(lambda: ours.rules.incarnation != old, "it is noticed")
    await theirs.log.read()
    assert theirs.rules.stamp == ours.rules.stamp
    assert ours.restarts == 2


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_positions_given_twice_are_noticed(ours, theirs, standalone, count):
    """Others have gone on with the older log before we looked: fewer, as many or more than were lost."""
    for _ in range(5):
        await ours.log.append("shop", "tag", "t")
    await ours.log.read()
    old = ours.rules.incarnation
    go_back_in_time(standalone, 4)
    await theirs.log.append("shop", "tag", *map(str, range(count)))
    await ours.log.read()
    assert ours.rules.incarnation != old
    assert ours.restarts == 2


async def test_an_own_rule_that_is_given_an_old_position_is_in_force_at_once(ours, standalone):
    """The server has gone back in time, and we have not heard of it: entries we know carry higher stamps."""
    for _ in range(5):
        await ours.log.append("shop", "tag", "t")
    await ours.log.read()
    incarnation = ours.rules.incarnation
    go_back_in_time(standalone, 4)
    await ours.log.append("shop", "tag", "t")
    assert ours.rules.incarnation != incarnation or not ours.spares(5, "t")


async def test_an_incarnation_that_ended_does_not_come_back(ours, theirs, standalone):
    """The server goes back twice, behind the end of the first log, and others go on with that."""
    await ours.follow()
    for _ in range(2):
        first, _ = await ours.log.append("shop", "tag", "t")
    await ours.hears(2)
    go_back_in_time(standalone, 2)
    await until(lambda: ours.rules.incarnation != first, "the first jump is noticed")
    second = ours.rules.incarnation
    go_back_in_time(standalone, 2)
    await theirs.log.append("shop", "tag", "t")
    await until(lambda: ours.rules.incarnation != second, "the second jump is noticed")
    assert ours.rules.incarnation != first


async def test_processes_that_notice_together_begin_one_incarnation(ours, theirs, standalone):
    """The second finds that the first has done so."""
    for each in (ours, theirs):
        await each.log.append("shop", "tag", "t")
    await asyncio.gather(ours.log.read(), theirs.log.read())
    go_back_in_time(standalone, 2)
    await asyncio.gather(ours.log.read(), theirs.log.read())
    await asyncio.gather(ours.log.read(), theirs.log.read())
    assert ours.rules.stamp == theirs.rules.stamp
    assert [fields["kind"] for fields in records(standalone)].count("birth") == 2


@pytest.mark.parametrize(
    "foreign",
    [["hello", "world"], ["log", "x", "n", "one", "kind", "tag"], ["log", "x", "n", "7", "kind", "tag"]],
)
async def test_a_foreign_record_is_no_rule_and_no_outage(ours, standalone, foreign):
    """What it stands for nobody knows: entries from before it are invalid, and the log goes on."""
    await ours.log.append("shop", "tag", "t")
    await ours.log.read()
    old = ours.rules.incarnation
    standalone.call("XADD", LOG, "*", *foreign)
    await ours.log.read()
    assert ours.rules.incarnation != old
    await ours.follow()
    incarnation, position = await ours.log.append("shop", "tag", "t")
    assert ours.rules.incarnation == incarnation
    assert [ours.spares(each, "t") for each in (position - 1, position)] == [False, True]


async def test_old_rules_leave_the_log_but_for_the_newest_of_them(standalone):
    """It shows that nothing between it and the next one is missing."""
    async with process(standalone.url, retention=3600) as ours:
        await ours.log.read()
        incarnation, _ = await ours.log.stamp()
        standalone.call("DEL", LOG)
        fields = ("kind", "tag", "ns", "shop", "value", "t")
        for position in range(5):
            standalone.call("XADD", LOG, f"{1_000 + position}-0", "log", incarnation, "n", position, *fields)
        await ours.log.append("shop", "tag", "new")
        assert positions(standalone) == [4, 5]


async def test_nothing_young_leaves_the_log(ours, standalone):
    """It is trimmed by age."""
    for _ in range(50):
        await ours.log.append("shop", "tag", "t")
    assert len(records(standalone)) == 51


async def test_the_log_is_bounded(ours, standalone):
    """Some 100,000 records stay, however young the others are; the mirror keeps up with it."""
    values = [str(number) for number in range(5_000)]
    for _ in range(21):
        await ours.log.append("shop", "tag", *values)
    assert 100_000 <= standalone.call("XLEN", LOG) <= 101_000
    await ours.log.read()
    assert ours.rules.position == 105_000
    assert len(ours.rules._history) <= 110_000


async def test_an_invalidation_while_redis_is_away_raises(ours, standalone):
    """It is never lost in silence, and is not in force either."""
    await ours.log.read()
    with standalone.dead(), pytest.raises(cachekit.CacheUnavailable):
        await ours.log.append("shop", "tag", "t")
    assert ours.rules.stamp[1] == 0


async def test_a_mirror_that_has_never_seen_redis_gives_no_stamp(ours, standalone):
    """Nothing can be written without one."""
    with standalone.dead(), pytest.raises(cachekit.CacheUnavailable):
        await ours.log.stamp()


async def test_readers_of_one_turn_send_one_command(ours, standalone):
    """And none shares one that was sent before it asked."""
    await ours.log.read()

    def asked():
        return standalone.call("INFO", "commandstats")["cmdstat_xrange"]["calls"]

    before = asked()
    await asyncio.gather(*(ours.log.read() for _ in range(100)))
    assert asked() == before + 1


async def test_a_reader_never_shares_an_answer_older_than_its_question(ours, theirs, monkeypatch):
    """A command under way may have run before the rule was appended."""
    await ours.log.read()
    sent, gate, execute = asyncio.Event(), asyncio.Event(), ours.store.execute

    async def answer_late(*command):
        reply = await execute(*command)
        sent.set()
        await gate.wait()
        return reply

    monkeypatch.setattr(ours.store, "execute", answer_late)
    early = asyncio.create_task(ours.log.read())
    await sent.wait()
    await theirs.log.append("shop", "tag", "t")
    late = asyncio.create_task(ours.log.read())
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(early, late)
    assert not ours.spares(0, "t")


async def test_a_reader_that_is_cancelled_leaves_the_others_their_answer(ours):
    """They have asked, too."""
    one, other = (asyncio.create_task(ours.log.read()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await other
    assert ours.rules.incarnation is not None


async def test_a_closed_log_reads_no_more(ours):
    """It says so."""
    await ours.follow()
    await ours.log.aclose()
    assert not ours.log.live
    with pytest.raises(cachekit.CacheClosed):
        await ours.log.read()


@pytest.mark.parametrize("danger", ["trim", "back"])
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_to_the_log_no_dead_entry_is_spared(ours, theirs, standalone, seed, danger):
    """Appends, trims, losses and jumps back in time in random order, checked by two processes."""
    choose = random.Random(seed)
    alive, dead = [], []
    for _ in range(200):
        actor, witness = choose.sample([ours, theirs], 2)
        action = choose.choice(["enter"] * 4 + ["append"] * 4 + ["lose", danger])
        tag = choose.choice("xy")
        if action == "enter":
            alive.append((await actor.log.stamp(), tag))
        elif action == "append":
            await actor.log.append("shop", "tag", tag)
            dead += [entry for entry in alive if entry[1] == tag]
            alive = [entry for entry in alive if entry[1] != tag]
            for each in (actor, witness) * 2:
                await each.log.read()
            assert not [entry for entry in dead if ours.spares_entry(*entry) or theirs.spares_entry(*entry)]
        elif action == "trim":
            cut_the_log(standalone, choose.randrange(1, 4))
        elif action == "lose":
            standalone.call("DEL", LOG)
        else:
            go_back_in_time(standalone, choose.randrange(1, 1 + max(1, len(records(standalone)))))


async def test_an_own_rule_that_was_lost_before_it_was_read_is_missed(ours, theirs, standalone):
    """The server acknowledged it, and went back in time; another rule got its position."""
    await ours.log.append("shop", "tag", "t")
    await ours.log.read()
    lost = await ours.log.append("shop", "tag", "t")
    go_back_in_time(standalone, 2)
    await theirs.log.append("shop", "tag", "other")
    await ours.log.read()
    assert ours.rules.incarnation != lost[0]


# Seen through a cache.


@pytest.fixture
async def two(standalone, clock):
    """One namespace in two processes; the second reads strictly."""
    async with (
        cachekit.connect(standalone.url, clock=clock, app="app") as one,
        cachekit.connect(standalone.url, clock=clock, app="app") as other,
    ):
        yield one.namespace("shop"), other.namespace("shop", Policy(consistency="strict"))


async def test_a_strict_reader_sees_an_invalidation_at_once(two):
    """Though nothing has reached its follower: it does not answer before it has read the log itself."""
    ns, strict = two
    await ns.set(ns.key("a"), "v", tags=["t"])
    assert await strict.get(ns.key("a")) == "v"
    runtime = strict._runtime()
    async with runtime.log._lock:
        await ns.invalidate(tags=["t"])
        reading = asyncio.create_task(strict.get(ns.key("a")))
        for _ in range(10):
            await runtime.store.ping()
        assert not reading.done()
    assert await reading is None
    for _ in range(20):
        await ns.set(ns.key("a"), "v", tags=["t"])
        assert await strict.get(ns.key("a")) == "v"
        await ns.invalidate(tags=["t"])
        assert await strict.get(ns.key("a")) is None


@pytest.mark.parametrize("only", [None, "absent"])
async def test_a_strict_writer_is_not_hit_by_an_earlier_rule(two, only):
    """Another process has cleared, and nothing has reached our follower: what we set then is kept."""
    ns, strict = two
    assert await strict.get(ns.key("a")) is None
    follower = strict._runtime().log
    async with follower._lock:
        await ns.clear()
        writing = asyncio.create_task(strict.set(ns.key("a"), "v", only=only))
        await asyncio.sleep(0)
    await writing
    assert await strict.get(ns.key("a")) == "v"


async def test_strict_reads_of_one_turn_share_one_look_at_the_log(two, standalone):
    """A hundred of them, one XRANGE."""
    ns, strict = two
    await strict.set(ns.key("a"), "v")
    await until(lambda: strict._runtime().log.live, "the mirror follows")

    def asked():
        return standalone.call("INFO", "commandstats")["cmdstat_xrange"]["calls"]

    before = asked()
    await asyncio.gather(*(strict.get(ns.key("a")) for _ in range(100)))
    assert asked() - before <= 2


async def test_a_value_of_a_lost_log_is_gone(two, standalone):
    """Values may survive the log (it was evicted): nobody knows which rules went with it."""
    ns, strict = two
    await ns.set(ns.key("a"), "v")
    standalone.call("DEL", LOG)
    await gone(ns, ns.key("a"))
    await gone(strict, ns.key("a"))
    await ns.set(ns.key("a"), "new")
    assert await strict.get(ns.key("a")) == "new"


async def test_a_log_that_contradicts_itself_is_never_half_read(ours, theirs, standalone):
    """Somebody has used XADD: what comes after it is not left for the next look, and the log begins anew."""
    incarnation, _ = await theirs.log.append("shop", "tag", "a")
    for position in 1, 2:
        fields = {"log": incarnation, "n": position, "kind": "tag", "ns": "shop", "value": "b"}
        standalone.call("XADD", LOG, "*", *(text for pair in fields.items() for text in pair))
    await ours.log.read()
    assert ours.rules.incarnation != incarnation


async def test_a_process_that_only_invalidates_does_not_remember_it_for_ever(ours):
    """Nobody follows there, who would find its records in the log again."""
    for _ in range(1_100):
        await ours.log.append("shop", "tag", "t")
    assert len(ours.log._unread) < 1_001
