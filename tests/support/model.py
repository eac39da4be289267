"""The consistency contract (docs/consistency.md), as a judge of what happened.

Upstream, the truth changes at every moment: a factory gives the moment at which it was called. So whether a
value may be served can be told from that number and from the moments at which verbs began and returned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass
class Value:
    """Something loaded or set: under which key, and when."""

    namespace: str
    key: str
    client: Reader
    born: int
    """When the factory was called, or the verb began."""
    is_load: bool
    running: bool = True
    excused: bool = False
    """Whether another load of the key may begin beside this one."""
    settled: int | None = None
    """When the verb that set it returned."""
    heard: int = 0
    """Up to when its client had heard of others when it was born."""

    def is_outdated_by(self, verb: "Verb") -> bool:
        """A value set while the verb ran may have come after it."""
        latest = self.born if self.is_load else self.settled
        return latest is not None and latest < verb.began


@dataclass
class Verb:
    """A write or an invalidation, of the keys that match."""

    name: str
    client: Reader
    namespace: str
    matches: Callable[[str], bool]
    began: int
    returned: int | None = None
    """None also if it failed: then it may have taken effect or not."""
    local: bool = False
    """Whether it holds in its own process only."""


@dataclass
class History:
    """What has happened in one run."""

    now: int = 0
    log: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    verbs: list[Verb] = field(default_factory=list)
    lost_at: int = 0
    """When the server last lost values, leases or the log."""
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

    def load(self, namespace: str, key: str, client: Reader) -> tuple[Value, dict[str, Any]]:
        """A factory is called: one at a time for each key, in all processes together."""
        now = self.tick(f"{client.index}: factory of {key} is called")
        for other in self.values:
            if other.key != key or not other.is_load or not other.running or other.excused:
                continue
            troubled = max(client.troubled_at, other.client.troubled_at, self.lost_at) >= other.born
            if not troubled and not any(
                verb.matches(key) and verb.namespace == namespace and (verb.returned or now) >= other.born
                for verb in self.verbs
            ):
                self.fail(f"ONE LOAD: {key} is loaded twice at once: since {other.born} and now")
        return self._keep(Value(namespace, key, client, now, is_load=True))

    def write(self, verb: Verb, key: str) -> tuple[Value, dict[str, Any]]:
        """A verb has begun that sets `key`."""
        return self._keep(Value(verb.namespace, key, verb.client, verb.began, is_load=False))

    def begin(
        self,
        name: str,
        client: Reader,
        namespace: str,
        matches: Callable[[str], bool],
        *,
        local: bool = False,
    ) -> Verb:
        """A verb begins."""
        now = self.tick(f"{client.index}: {name} {namespace} begins")
        verb = Verb(name, client, namespace, matches, now, local=local)
        self.verbs.append(verb)
        return verb

    def binding(self, client: Reader, namespace: str, key: str, *, strict: bool) -> list[Verb]:
        """The verbs that a read beginning now must respect."""
        heard = client.heard
        return [
            verb
            for verb in self.verbs
            if verb.returned is not None
            and verb.namespace == namespace
            and verb.matches(key)
            and (verb.client is client or (not verb.local and (strict or verb.returned <= heard)))
        ]

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
        if value.settled is None or max(self.lost_at, self.aged_at, client.troubled_at) >= value.born:
            return None
        # A rule that its writer had not heard of makes it invalid: a needless reload, and no old value.
        for verb in self.verbs:
            if verb.namespace == namespace and verb.matches(key) and verb.began != value.born:
                if verb.returned is None or verb.returned > value.heard:
                    return None
        return value

    def _keep(self, value: Value) -> tuple[Value, dict[str, Any]]:
        value.heard = value.client.heard
        self.values.append(value)
        data = {"namespace": value.namespace, "key": value.key, "value": len(self.values) - 1}
        return value, data
