"""What the cache of flights asks of Redis, and that a cluster serves it."""

import datetime as dt
from dataclasses import replace

import pytest
from support.tickets import Tickets

import cachekit
from cachekit import Policy
from cachekit.amadeus import AmadeusCacheRepository
from cachekit.amadeus.errors import AmadeusNotFoundError
from cachekit.amadeus.params import FlightSearch

pytest_plugins = ["support.server_fixtures"]

GRU_LIS = FlightSearch(origin="GRU", destination="LIS", departure_date=dt.date(2026, 12, 12))


async def commands(cache):
    """How often each command was called, by its name."""
    stats = await cache.store.execute("INFO", "commandstats")
    return {name.removeprefix("cmdstat_"): facts["calls"] for name, facts in stats.items()}


@pytest.mark.parametrize(("near", "reads"), [(None, 0), (0, 20)])
async def test_a_hit_is_one_command_at_most(cache, near, reads):
    """Nothing at all where it lies in memory; an offer by its id costs no more than a search."""
    policy = Policy(ttl=300, stale=3_600, near=near)
    repository = AmadeusCacheRepository(cache, Tickets(), policy=policy, derive=True)
    await repository.search_flights(GRU_LIS)
    (offer_id,) = (await repository.search_flights_entry(GRU_LIS)).offer_ids()
    before = await commands(cache)
    for _ in range(10):
        await repository.search_flights(GRU_LIS)
        assert await repository.get_offer(offer_id)
    after = await commands(cache)
    spent = {name: calls - before.get(name, 0) for name, calls in after.items() if name != "info"}
    assert {name: calls for name, calls in spent.items() if calls} == ({"get": reads} if reads else {})


async def test_a_cluster_serves_it_all(cluster, clock):
    """What is asked together may lie in different slots: answers, popular searches, what is warmed."""
    source = Tickets()
    async with cachekit.connect(cluster.url, clock=clock) as cache:
        repository = AmadeusCacheRepository(cache, source)
        searches = [replace(GRU_LIS, adults=number) for number in range(1, 9)]
        for search in searches:
            await repository.search_flights(search)
        clock.advance(7 * 3_600)
        assert (await repository.warm()).loaded == 8
        (offer_id,) = (await repository.search_flights_entry(GRU_LIS)).offer_ids()
        assert await repository.get_offer(offer_id)
        source.error = AmadeusNotFoundError("no")
        with pytest.raises(AmadeusNotFoundError):
            await repository.search_flights(GRU_LIS, refresh=True)
        assert await repository.get_cached_flight_search(GRU_LIS) is None
        await repository.invalidate_flight_cache(tags=["carrier:TP"])
        assert [await repository.get_cached_flight_search(each) for each in searches] == [None] * 8
