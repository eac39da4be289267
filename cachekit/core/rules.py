"""What this process knows of the invalidation log, and the question whether an entry has survived it.

The argument, without a clock in it: rules have positions 1, 2, 3, … in the order they were appended. An
entry carries a position, too: that of a rule known to have been appended before its load *began*. So an
entry can only be out of date by a rule with a greater position than its own. A writer that lags stamps
its entries too low, which can cost a needless reload, and never a stale read.

The log has an incarnation, a random id. A log that was lost begins another one, and since nobody can
know which rules went with it, the entries of the old one are invalid. For the same reason so are entries
older than the `floor`: rules between them and the first one known may have been trimmed.
"""

from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from cachekit.core.keys import KeySpace, Pattern
from cachekit.errors import InvalidKey

Kind = Literal["tag", "pattern", "all", "key"]
Stamp = tuple[str, int]
"""The log's incarnation, and a position in it."""

KEPT_RULES: Final = 100_000
"""Rules remembered at most, some 30 MB; entries older than the last forgotten one are invalid."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `at` is the server's time in milliseconds: for entries that carry no position."""

    position: int
    at: int
    namespace: str
    kind: str
    value: str


class NamespaceRules:
    """The rules of one namespace, arranged for the look-up of one entry.

    `newest` is the position of the newest of them: an entry stamped at or after it is valid, which is
    nearly always all that is asked.
    """

    __slots__ = ("_all", "_globs", "_keys", "_prefixes", "_space", "_tags", "floor", "newest", "newest_tag")

    def __init__(self, name: str) -> None:
        self._space = KeySpace(name)
        self.start_over(0)

    def start_over(self, floor: int) -> None:
        """Forget every rule; nothing is known of those up to `floor`."""
        self.newest = self.floor = floor
        self.newest_tag = 0
        """The position of the newest rule about a tag."""
        self._all = 0
        self._tags: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        # Patterns that are a literal and a final `*`, nearly all there are, by the literal's length: so
        # their number does not count. Then the others.
        self._prefixes: dict[int, dict[str, int]] = {}
        self._globs: dict[str, tuple[int, Pattern]] = {}

    def raise_floor(self, position: int) -> None:
        """Nothing is known of rules up to `position`."""
        self.floor = max(self.floor, position)
        self.newest = max(self.newest, position)

    def add(self, rule: Rule) -> None:
        """Take note of a rule; also twice, and in any order."""
        position, value = rule.position, rule.value
        self.newest = max(self.newest, position)
        if rule.kind == "tag":
            self.newest_tag = max(self.newest_tag, position)
            self._tags[value] = max(position, self._tags.get(value, 0))
        elif rule.kind == "key":
            self._keys[value] = max(position, self._keys.get(value, 0))
        elif rule.kind == "pattern":
            self._add_pattern(value, position)
        else:
            # "all"; and a kind of a later version, of which more than everything cannot be meant.
            self._all = max(self._all, position)

    def forget(self, rule: Rule) -> None:
        """Drop a rule below the floor, unless a newer one has taken its place."""
        position, value = rule.position, rule.value
        if rule.kind == "tag" and self._tags.get(value) == position:
            del self._tags[value]
        elif rule.kind == "key" and self._keys.get(value) == position:
            del self._keys[value]
        elif rule.kind == "pattern":
            literal = value[:-1]
            sized = self._prefixes.get(len(self._space.prefix) + len(literal), {})
            if sized.get(self._space.prefix + literal) == position:
                del sized[self._space.prefix + literal]
            elif value in self._globs and self._globs[value][0] == position:
                del self._globs[value]

    def spare(self, key: str, tags: tuple[str, ...], position: int) -> bool:
        """Whether an entry of `position` under the full `key` is valid: no newer rule matches it."""
        if position >= self.newest:
            return True
        if position < self.floor or position < self._all or self._keys.get(key, 0) > position:
            return False
        if any(self._tags.get(tag, 0) > position for tag in tags):
            return False
        for length, prefixes in self._prefixes.items():
            if prefixes.get(key[:length], 0) > position:
                return False
        return not any(newest > position and pattern.matches(key) for newest, pattern in self._globs.values())

    def _add_pattern(self, text: str, position: int) -> None:
        if text.endswith("*") and not any(mark in text[:-1] for mark in "*?\\"):
            prefix = self._space.prefix + text[:-1]
            sized = self._prefixes.setdefault(len(prefix), {})
            sized[prefix] = max(position, sized.get(prefix, 0))
            return
        known = self._globs.pop(text, None)
        try:
            pattern = known[1] if known else Pattern(self._space, text)
        except InvalidKey:
            # Appended by other hands, and not to be understood: so it may mean anything.
            self._all = max(self._all, position)
            return
        self._globs[text] = (max(position, known[0] if known else 0), pattern)


class Rules:
    """The rules of all namespaces, and how far they are known without a gap."""

    def __init__(self, *, kept: int = KEPT_RULES) -> None:
        self.incarnation: str | None = None
        """None as long as nothing of the log is known."""
        self.position = 0
        """Every rule up to here is known."""
        self._known = 0
        self._floor = 0
        self._kept = kept
        self._namespaces: dict[str, NamespaceRules] = {}
        self._history: list[Rule] = []

    @property
    def stamp(self) -> Stamp | None:
        """What a load that begins now is stamped with: the newest rule known to have been appended."""
        return None if self.incarnation is None else (self.incarnation, self._known)

    def of(self, namespace: str) -> NamespaceRules:
        """The rules of one namespace: the same object for as long as this one lives."""
        found = self._namespaces.get(namespace)
        if found is None:
            found = self._namespaces[namespace] = NamespaceRules(namespace)
            found.start_over(self._floor)
        return found

    def begin(self, incarnation: str, position: int) -> None:
        """Start over with a log of which the rules after `position` are still to be read."""
        self.incarnation = incarnation
        self.position = self._known = self._floor = position
        self._history.clear()
        for rules in self._namespaces.values():
            rules.start_over(position)

    def follow(self, rule: Rule) -> None:
        """Take note of the next rule of the log; if some are missing before it, nothing older is valid."""
        if rule.position > self.position + 1:
            self._raise_floor(rule.position - 1)
        self.position = rule.position
        self._history.append(rule)
        self.note(rule)
        if len(self._history) > self._kept + self._kept // 10:
            self._trim()

    def note(self, rule: Rule) -> None:
        """Take note of a rule of our own, though others appended before it may not have been read yet."""
        self._known = max(self._known, rule.position)
        with suppress(InvalidKey):  # By other hands, about a namespace that cannot exist.
            self.of(rule.namespace).add(rule)

    def position_at(self, milliseconds: float) -> int:
        """The position of an entry that carries none, but was loaded at that time by its writer's clock."""
        index = bisect_left(self._history, milliseconds, key=lambda rule: rule.at)
        # Before all rules known: below the floor, if there is one.
        return self._history[index - 1].position if index else max(self._floor - 1, 0)

    def _raise_floor(self, position: int) -> None:
        self._floor = position
        for rules in self._namespaces.values():
            rules.raise_floor(position)

    def _trim(self) -> None:
        excess = len(self._history) - self._kept
        self._raise_floor(self._history[excess - 1].position)
        for rule in self._history[:excess]:
            if rule.namespace in self._namespaces:
                self._namespaces[rule.namespace].forget(rule)
        del self._history[:excess]
