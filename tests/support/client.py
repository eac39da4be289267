"""One process of the model: what it does, each read and verb told to the history and judged."""

import asyncio

from cachekit import CacheUnavailable, Policy

POLICY = Policy(ttl=60, stale=60, retry_after=5, lease=600)
NAMESPACES = {"shop": POLICY, "strict": POLICY.replace(consistency="strict")}
RESOURCES = {"a:1": ("odd", "all"), "a:2": ("even", "all"), "b:1": ("odd", "all")}
"""Each resource and its tags."""


class UpstreamDown(Exception):
    """A load that failed because the test said so."""


class Client:
    """One process: a cache with a clock and connections of its own."""

    def __init__(self, index, run, cache, clock):
        self.index, self.clock, self._run, self._cache = index, clock, run, cache
        self._outages = self._outage_at = 0
        self.spaces = {name: cache.namespace(name, policy) for name, policy in NAMESPACES.items()}

    @property
    def heard(self):
        return self._run.network.heard(self.index)

    @property
    def troubled_at(self):
        return max(self._run.network.lost.get(self.index, 0), self._outage_at)

    def note_outages(self):
        """A load that begins now may have no lease if Redis was missed a moment ago."""
        outages = self._cache.stats().outages
        if outages > self._outages:
            self._outages, self._outage_at = outages, self._run.history.now + 1

    async def read(self, verb, name, keys, work):
        """Run a read of `keys` that gives a mapping, and judge it."""
        space, history = self.spaces[name], self._run.history
        history.tick(f"{self.index}: {verb} {keys} begins")
        strict = name == "strict" or self._run.ending
        binding = {key: history.binding(self, name, key, strict=strict) for key in keys}
        written = {key: history.last_write(self, name, key) for key in keys}
        outages = space.stats().outages
        try:
            found = await work
        except UpstreamDown:
            history.tick(f"{self.index}: {verb} {keys} raised what the factory raised")
            return None
        history.tick(f"{self.index}: {verb} {keys} gave {found}")
        alone = space.stats().outages > outages
        for key in keys:
            data = found.get(key)
            if data is not None:
                history.judge(self, name, key, data, binding[key], alone=alone)
            expected = written[key]
            if expected is not None and expected is history.last_write(self, name, key) and not alone:
                history.judge_own(self, key, data, expected)
        return found.get(keys[0])

    async def get(self, name, resource):
        space = self.spaces[name]
        key = space.key(resource)

        async def work():
            value = await space.get(key)
            return {} if value is None else {key: value}

        return await self.read("get", name, [key], work())

    async def get_many(self, name):
        space = self.spaces[name]
        keys = [space.key(resource) for resource in RESOURCES]
        return await self.read("get_many", name, keys, space.get_many(keys))

    async def get_or_set(self, name, resource, *, gated, context, refresh=False):
        space, tags = self.spaces[name], RESOURCES[resource]
        key, since = space.key(resource), self._run.history.now

        async def load():
            return await self.load(name, key, tags, since, gated=gated)

        async def load_with_context(ctx):
            value = await self.load(name, key, tags, since, gated=gated)
            ctx.tag(*tags)
            return value

        factory, given = (load_with_context, ()) if context else (load, tags)

        async def work():
            if refresh:
                return {key: (await space.refresh(key, factory, tags=given)).value}
            return {key: await space.get_or_set(key, factory, tags=given)}

        verb = "refresh" if refresh else "get_or_set"
        return await self.read(verb, name, [key], work())

    async def get_or_set_many(self, name, *, gated):
        space = self.spaces[name]
        keys, since = [space.key(resource) for resource in RESOURCES], self._run.history.now

        async def factory(wanted):
            loads = [
                asyncio.ensure_future(self.load(name, key, ("all",), since, gated=gated)) for key in wanted
            ]
            try:
                return dict(zip(wanted, await asyncio.gather(*loads), strict=True))
            finally:
                for load in loads:
                    load.cancel()

        work = space.get_or_set_many(keys, factory, tags=["all"])
        try:
            return await self.read("get_or_set_many", name, keys, work)
        finally:
            # The call goes on if one of its keys is wanted by others; the rest may then be loaded elsewhere.
            self._run.history.abandon(self, since)

    async def load(self, name, key, tags, since, *, gated):
        self.note_outages()
        value, data = self._run.history.load(name, key, self, tags, since)
        try:
            if gated and not self._run.ending:
                gate = self._run.loop.create_future()
                self._run.gates.append(gate)
                await gate
        finally:
            value.running = False
            value.ended = self._run.history.tick(
                f"{self.index}: factory of {key} ends, called at {value.born}"
            )
        return data

    async def write(self, verb, name, matches, act, *, tag=None, key=None, tags=()):
        """Run a writing verb; `act` gets what is to be set."""
        history = self._run.history
        began = history.begin(verb, self, name, matches, tag)
        value, data = history.write(began, key, tags) if key else (None, None)
        try:
            done = await act(data)
        except CacheUnavailable:
            history.tick(f"{self.index}: {verb} of {began.began} failed")
            return
        now = history.tick(f"{self.index}: {verb} of {began.began} returned {done}")
        if not done and verb.startswith("add"):
            history.verbs.remove(began)
            return
        began.returned = now
        if value is not None:
            value.settled = now
