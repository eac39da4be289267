"""The consistency contract (docs/consistency.md), as a judge of what happened.

Upstream, the truth changes at every moment: a factory gives the moment at which it was called. So whether a
value may be served can be told from that number and from the moments at which verbs began and returned.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol


class Violation(AssertionError):
    """The contract was broken; the text tells the whole run."""


class Reader(Protocol):
    """What the judge wants to know of a client."""

    index: int
    troubled_at: int
    """When a connection of his was last lost, or not to be had."""

    @property
    def heard(self) -> int:
        """Of everything up to this moment he has heard."""


class Nobody:
    """Who does what no client does."""

    index, troubled_at, heard = -1, 0, 0


NOBODY = Nobody()


@dataclass
class Value:
    """Something loaded or set: under which key, and when."""

    namespace: str
    key: str
    client: Reader
    born: int
    """When the factory was called, or the verb began."""
    is_load: bool
    tags: tuple[str, ...] = ()
    running: bool = True
    since: int = 0
    """When the read began that called the factory."""
    ended: int | None = None
    """When its factory ended."""
    settled: int | None = None
    """When the verb that set it returned."""
    heard: int = 0
    """Up to when its client had heard of others when it was born."""

    def is_outdated_by(self, verb: "Verb") -> bool:
        """A value set while the verb ran may have come after it."""
        if verb.tag is not None and verb.tag not in self.tags:
            return False
        loaded = self.ended if verb.is_flush else self.born
        latest = loaded if self.is_load else self.settled
        return latest is not None and latest < verb.began


@dataclass
class Verb:
    """A write or an invalidation, of the keys that match; if by a tag, then of values that have it."""

    name: str
    client: Reader
    namespace: str
    matches: Callable[[str], bool]
    began: int
    tag: str | None = None
    is_flush: bool = False
    """Whether it only empties Redis: what is being loaded meanwhile is as good as before."""
    returned: int | None = None
    """None also if it failed: then it may have taken effect or not."""
    unheard: set[int] = field(default_factory=set)
    """Clients that may not have read its rule before the log was lost."""


@dataclass
class History:
    """What has happened in one run."""

    now: int = 0
    log: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    verbs: list[Verb] = field(default_factory=list)
    lost_at: int = 0
    """When the server last lost values, leases or the log."""
    looked_at: float = 0
    """When the followers' blocking reads ended first after the last loss, so that they looked for the log."""
    aged_at: int = 0
    """When the clocks were last moved."""
    served: int = 0
    """Reads that got a value: a model of a cache that keeps nothing would prove nothing."""

    def tick(self, text: str) -> int:
        """The next moment."""
        self.now += 1
        self.log.append(f"{self.now:5} {text}")
        return self.now

    def fail(self, text: str) -> None:
        raise Violation("\n".join([text, *self.log]))

    def load(
        self, namespace: str, key: str, client: Reader, tags: tuple[str, ...], since: int
    ) -> tuple[Value, dict[str, Any]]:
        """A factory is called, for a read that began at `since`: one at a time for each key."""
        now = self.tick(f"{client.index}: factory of {key} is called")
        for other in self.values:
            if other.key != key or not other.is_load or not other.running:
                continue
            overtaken = any(
                verb.namespace == namespace and verb.matches(key) and (verb.returned or now) >= other.since
                for verb in self.verbs
            )
            guarded = (
                self.lost_at < other.since
                and client.troubled_at < since
                and other.client.troubled_at < other.since
            )
            if guarded and not overtaken:
                self.fail(f"ONE LOAD: {key} is loaded twice at once: since {other.born} and now")
        return self._keep(Value(namespace, key, client, now, is_load=True, tags=tags, since=since))

    def abandon(self, client: Reader, since: int) -> None:
        """The read of `client` that began at `since` has ended; others may load what it was loading."""
        for value in self.values:
            if value.client is client and value.is_load and value.since == since:
                value.running = False

    def write(self, verb: Verb, key: str, tags: tuple[str, ...]) -> tuple[Value, dict[str, Any]]:
        """A verb has begun that sets `key`."""
        return self._keep(Value(verb.namespace, key, verb.client, verb.began, is_load=False, tags=tags))

    def begin(
        self, name: str, client: Reader, namespace: str, matches: Callable[[str], bool], tag: str | None
    ) -> Verb:
        """A verb begins."""
        now = self.tick(f"{client.index}: {name} {namespace} begins")
        self.verbs.append(Verb(name, client, namespace, matches, now, tag))
        return self.verbs[-1]

    def binding(self, client: Reader, namespace: str, key: str, *, strict: bool) -> list[Verb]:
        """The verbs that a read beginning now must respect."""
        heard = self.now if strict else client.heard
        return [
            verb
            for verb in self.verbs
            if verb.returned is not None
            and verb.namespace == namespace
            and verb.matches(key)
            and (verb.client is client or verb.returned <= heard)
            and (strict or client.index not in verb.unheard or self.looked_at < heard)
        ]

    def flushed(self, namespaces: Iterable[str]) -> None:
        """The server has just lost all values: none of them may be served by those who have heard."""
        for name in namespaces:
            now = self.tick(f"all values of {name} are gone")
            self.verbs.append(
                Verb("FLUSHALL", NOBODY, name, lambda _: True, now, is_flush=True, returned=now)
            )

    def lose(self, text: str, clients: Iterable[Reader]) -> None:
        """The server loses values, leases or rules."""
        for verb in self.verbs:
            verb.unheard.update(
                each.index for each in clients if verb.returned is None or verb.returned > each.heard
            )
        self.lost_at, self.looked_at = self.tick(text), inf

    def judge(
        self, client: Reader, namespace: str, key: str, data: Any, binding: list[Verb], *, alone: bool
    ) -> None:
        """A read has returned `data`; `alone` if Redis could not be asked while it ran."""
        self.served += 1
        value = self.values[data["value"]]
        if (data["namespace"], data["key"], value.key) != (namespace, key, key):
            self.fail(f"MIXED: a read of {key} gave what was kept for {data}")
        if alone and value.is_load and value.client is client:
            # Without Redis nobody can be heard; but one's own verbs are known.
            binding = [verb for verb in binding if verb.client is client]
        for verb in binding:
            if value.is_outdated_by(verb):
                self.fail(
                    f"OUTDATED: client {client.index} got of {key} what was loaded or set at {value.born}, "
                    f"after {verb.name} of client {verb.client.index} from {verb.began} to {verb.returned}"
                )

    def judge_own(self, client: Reader, key: str, data: Any, expected: Value) -> None:
        """A read must find what its own process wrote last, or what is younger."""
        if data is None or self.values[data["value"]].born < expected.born:
            self.fail(f"OWN WRITE: client {client.index} set {key} at {expected.born}, and a get gave {data}")

    def last_write(self, client: Reader, namespace: str, key: str) -> Value | None:
        """What a read beginning now must find: the last value set here, if nothing came since or between."""
        for value in reversed(self.values):
            if (value.namespace, value.key, value.client) == (namespace, key, client) and not value.is_load:
                break
        else:
            return None
        if value.settled is None or max(self.looked_at, self.aged_at, client.troubled_at) > value.heard:
            return None
        # A rule that its writer had not heard of makes it invalid: a needless reload, and no old value.
        for verb in self.verbs:
            concerned = verb.namespace == namespace and verb.matches(key) and verb.began != value.born
            if concerned and (verb.returned is None or verb.returned > value.heard):
                return None
        return value

    def _keep(self, value: Value) -> tuple[Value, dict[str, Any]]:
        value.heard = value.client.heard
        self.values.append(value)
        data = {"namespace": value.namespace, "key": value.key, "value": len(self.values) - 1}
        return value, data
