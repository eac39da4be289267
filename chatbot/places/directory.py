"""Finding the places a text names."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from chatbot.places.gazetteer import Gazetteer, NamedPlace, load
from chatbot.places.place import Mention, Place, Token, name_key, tokens
from chatbot.places.wording import ARTICLES, CUES, HOMONYMS, NOT_PLACES, PLAIN_CUES

RIVAL = 0.25
"""A place of the same name is a rival, not an also-ran, from this share of the best one's fame."""

WELL_KNOWN = 2e6
"""Fame from which a name is recognised in lower case without a word that leads to it."""

_LONGEST_NAME = 6
_SHORT_WORD = 4
_CODE_LENGTH = 3
_FEW_WORDS = 4
_CODE_PAIR = re.compile(
    r"(?<![^\W_])([A-Za-z]{3})\s*(?:-|\u2013|→|>|/|\bto\b|\bpara\b|\bpra\b|\ba\b)\s*([A-Za-z]{3})(?![^\W_])"
)
_GLUE = re.compile(r"[\s'\u2019.\-]{1,3}")
_COUNTRY = re.compile(r"\s*(?:,|\()\s*([^\W\d_][\w .]{1,40}?)\s*(?=[).,;?!]|$|\s(?:to|on|para|a|el|em|en)\s)")


class PlaceDirectory:
    """Cities and airports by the names people give them, in any case and with or without accents.

    The index is built on first use, once, by whichever thread comes first; `load` does it beforehand so
    that an event loop does not have to wait. Reading it afterwards is free of locks.
    """

    def __init__(self, source: Callable[[], Gazetteer] = load) -> None:
        self._source = source
        self._lock = threading.Lock()

    def load(self) -> None:
        """Build the index now. Safe to call from any thread, any number of times."""
        with self._lock:
            _ = self._index

    def by_code(self, code: str) -> Place | None:
        """The metropolis or airport of an IATA code in capitals."""
        return self._ready.by_code.get(code)

    def find(self, text: str) -> list[Place]:
        """The places a text that is nothing but a name may mean, best first; empty if unknown.

        Places much less known than the best one are left out, so more than one means truly ambiguous.
        A country after a comma or in brackets decides: "London, Canada". An IATA code finds its place.
        """
        text = text.strip()
        code = text.upper()
        if text.isupper() and code in self._ready.by_code:
            return [self._ready.by_code[code]]
        named = self._ready.names.get(name_key(text))
        if named:
            return _rivals(named)
        for divided in _divided(text):
            head, country = name_key(divided[0]), self._ready.countries.get(name_key(divided[1]))
            there = [name for name in self._ready.names.get(head, ()) if name.place.country == country]
            if there:
                return _rivals(there)
        return [self._ready.by_code[code]] if code in self._ready.by_code else []

    def is_country(self, name: str) -> bool:
        """Whether a text is the English name of a country."""
        return len(name_key(name)) > _CODE_LENGTH and name_key(name) in self._ready.countries

    def mentions(self, text: str) -> list[Mention]:
        """The places a sentence names, in order and without overlap; everyday words are not places."""
        words = tokens(text)
        pairs = self._code_pairs(text)
        found: list[Mention] = []
        position = 0
        while position < len(words):
            mention, taken = self._mention_at(text, words, position, pairs)
            if mention is not None:
                found.append(mention)
            position += taken
        return found

    @property
    def _ready(self) -> "_Index":
        if "_index" not in self.__dict__:
            self.load()
        return self._index

    @cached_property
    def _index(self) -> "_Index":
        return _Index(self._source())

    def _mention_at(
        self, text: str, words: Sequence[Token], position: int, pairs: frozenset[int]
    ) -> tuple[Mention | None, int]:
        """What starts at this word, longest name first, and how many words to go on by."""
        for end in range(_reach(text, words, position), position, -1):
            key = " ".join(word.folded for word in words[position:end])
            named = self._ready.names.get(key)
            if named and _is_meant(text, words, position, end, named):
                return self._narrowed(text, words[position].start, words[end - 1].end, named), end - position
        word = words[position]
        place = self._ready.by_code.get(word.text.upper()) if len(word.text) == _CODE_LENGTH else None
        if place and (word.start in pairs or _is_code(text, words, position)):
            return Mention(word.start, word.end, word.text, (place,)), 1
        return None, 1

    def _narrowed(self, text: str, start: int, end: int, named: Sequence[NamedPlace]) -> Mention:
        """The mention, with the country that follows it taken into account and into the span."""
        follows = _COUNTRY.match(text, end)
        if follows:
            country = self._ready.countries.get(name_key(follows[1]))
            there = [name for name in named if name.place.country == country]
            if there:
                end = follows.end()
                named = there
        return Mention(start, end, text[start:end], tuple(_rivals(named)))

    def _code_pairs(self, text: str) -> frozenset[int]:
        """Where codes stand that are one of two, as in "gru to lis"; together they need no capitals."""
        return frozenset(
            match.start(group)
            for match in _CODE_PAIR.finditer(text)
            if all(self._is_known_code(match[side]) for side in (1, 2))
            for group in (1, 2)
        )

    def _is_known_code(self, text: str) -> bool:
        return text.upper() in self._ready.by_code and text.lower() not in NOT_PLACES


class _Index:
    """A gazetteer arranged for look-up."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        names: dict[str, tuple[NamedPlace, ...]] = {}
        for named in gazetteer.names:
            names[named.key] = (*names.get(named.key, ()), named)
        self.names: Mapping[str, tuple[NamedPlace, ...]] = names
        self.by_code = gazetteer.by_code
        self.countries = gazetteer.countries


def _rivals(named: Sequence[NamedPlace]) -> list[Place]:
    """The best reading and those near it; a well-known place's own name is nobody's translation."""
    owners = [name for name in named if name.own and name.fame >= WELL_KNOWN]
    ranked = sorted(owners or named, key=lambda name: (-name.fame, name.place.code))
    return [name.place for name in ranked if name.fame >= ranked[0].fame * RIVAL]


def _divided(text: str) -> list[tuple[str, str]]:
    """A name and what follows its comma or bracket."""
    head, comma, tail = text.rstrip(") ").replace("(", ",").partition(",")
    return [(head, tail)] if comma else []


def _reach(text: str, words: Sequence[Token], position: int) -> int:
    """One past the last word that can belong to a name that starts here: only glue may lie between."""
    end = position + 1
    while end < min(len(words), position + _LONGEST_NAME):
        if not _GLUE.fullmatch(text, words[end - 1].end, words[end].start):
            break
        end += 1
    return end


def _is_code(text: str, words: Sequence[Token], position: int) -> bool:
    """Three capitals are a code, unless they are a word: in a shouted sentence, or a month."""
    word = words[position]
    if not word.text.isupper():
        return False
    shouted = text.isupper() and len(words) > _FEW_WORDS
    if word.folded in NOT_PLACES:
        return not text.isupper() and _follows(words, position, CUES)
    return not shouted or _follows(words, position, CUES)


def _is_meant(text: str, words: Sequence[Token], start: int, end: int, named: Sequence[NamedPlace]) -> bool:
    """Whether a name in a sentence is meant as a place."""
    key = " ".join(word.folded for word in words[start:end])
    if end - start == 1 and key in NOT_PLACES:
        return False
    capital = words[start].text[:1].isupper() and not text.isupper()
    alone = end - start == len(words)
    cue = _follows(words, start, CUES)
    if end - start == 1 and key in HOMONYMS:
        inside = start > 0 or _leads_on(words, end)
        return alone or _follows(words, start, PLAIN_CUES) or (capital and inside)
    well_known = max(name.fame for name in named) >= WELL_KNOWN
    if well_known and (capital or cue or len(key) > _SHORT_WORD):
        return True
    return alone or (capital and (cue or start > 0))


def _leads_on(words: Sequence[Token], end: int) -> bool:
    """Whether a name that opens a text goes on to another: "Recife a Fortaleza", not "Nice to meet you"."""
    return len(words) > end + 1 and words[end].folded in CUES and words[end + 1].text[:1].isupper()


def _follows(words: Sequence[Token], position: int, cues: frozenset[str]) -> bool:
    """Whether a cue stands before this word, with or without an article between."""
    before = position - 1
    while before >= 0 and words[before].folded in ARTICLES - cues:
        before -= 1
    return before >= 0 and words[before].folded in cues
