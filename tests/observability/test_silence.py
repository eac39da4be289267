"""A cache nobody listens to makes no events, and a listener hears all of them."""

import typing

import pytest

import cachekit
from cachekit.core.events import Event


@pytest.fixture
def made(monkeypatch):
    """The kinds of events made, in order."""
    found = []
    for kind in typing.get_args(Event):

        def init(self, *args, _kind=kind, _init=kind.__init__, **kwargs):
            found.append(_kind.__name__)
            _init(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", init)
    return found


async def load():
    return "412.00"


async def use(url, **options):
    """A miss that is loaded and stored, a hit, a deletion, an invalidation."""
    async with cachekit.connect(url, near=None, **options) as cache:
        prices = cache.namespace("prices")
        key = prices.key("quote")
        await prices.get_or_set(key, load)
        await prices.get(key)
        await prices.delete(key)
        await prices.clear()
        return cache.stats()


async def test_nothing_is_made_when_nobody_listens(redis_url, made):
    """The counters count all the same."""
    stats = await use(redis_url)
    assert made == []
    assert (stats.hits, stats.misses, stats.loads, stats.stored) == (1, 1, 1, 1)


async def test_a_listener_hears_what_was_made(redis_url, made):
    """Nothing is made and not told."""

    class Ear:
        heard: typing.ClassVar = []

        def observe(self, event):
            self.heard.append(type(event).__name__)

    await use(redis_url, observers=[Ear()])
    assert made == Ear.heard == ["Miss", "Loaded", "Stored", "Hit", "Removed", "Invalidated"]
