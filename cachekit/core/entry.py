"""An entry: a value together with what is known of it at the moment it was read."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["fresh", "stale"]
Source = Literal["load", "near", "redis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value and its age.

    `source` is "load" if this very call, or one it was coalesced with, ran the factory, "redis" if the
    value was there, and "near" if it was in this process' own memory. `timestamp` is when the value was
    loaded (UTC) and `ttl` for how many seconds it is fresh; `age` and `expires_in` are seconds at the
    moment of reading. `expires_in` counts to the end of freshness and is negative for a stale entry.
    `negative` tells that the factory called the value negative: there is nothing.
    """

    key: str
    value: Any
    state: State
    source: Source
    timestamp: dt.datetime
    ttl: float
    age: float
    tags: tuple[str, ...] = ()
    negative: bool = False

    @property
    def expires_in(self) -> float:
        """Seconds until the value stops being fresh; negative once it has."""
        return self.ttl - self.age

    def __repr__(self) -> str:
        """Everything but the value, which may be private and is often large."""
        return (
            f"<Entry {self.key} {self.state} from {self.source}, "
            f"age {self.age:.1f} s, expires in {self.expires_in:.1f} s>"
        )
