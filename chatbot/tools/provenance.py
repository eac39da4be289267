"""Where an answer comes from and how old it is: told with every result."""

from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal, Self

from cachekit.amadeus import CachedOffer
from cachekit.core.entry import Entry

__all__ = ["STALE", "Provenance"]

STALE = "The flight service does not answer just now: this stored answer is older than it should be."
"""What a stale answer's note begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """An answer's origin.

    `source` is "live" if the API was asked just now; `age` is how long ago, in seconds, it gave the answer,
    and `fetched_at` when that was (ISO-8601 UTC with Z). `stale`: a newer answer was wanted, and could not
    be had.
    """

    source: Literal["live", "cache"]
    age: float
    fetched_at: str
    stale: bool

    @classmethod
    def of(cls, answer: Entry | CachedOffer) -> Self:
        """That of an answer of the repository; an offer got by its id always comes out of the cache."""
        is_live = isinstance(answer, Entry) and answer.source == "load"
        return cls(
            source="live" if is_live else "cache",
            age=answer.age,
            fetched_at=f"{answer.timestamp.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            stale=answer.state == "stale",
        )

    def facts(self) -> dict[str, Any]:
        """The same for a model."""
        return {"source": self.source, "age_seconds": int(self.age), "fetched_at": self.fetched_at}

    def noted(self, text: str) -> str:
        """A note to the model, which says first if the answer is stale."""
        return f"{STALE} {text}" if self.stale else text
