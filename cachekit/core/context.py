"""What a factory may say about the value it loads."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from cachekit.core.policy import require_ttl

Factory = Callable[[], Awaitable[Any]] | Callable[["LoadContext"], Awaitable[Any]]


class LoadContext:
    """Handed to a factory that takes an argument; steers how the loaded value is kept.

    async def factory(ctx):
        reply = await api.search(...)
        ctx.ttl(60 if reply.is_volatile else 3600)
        return reply.body
    """

    def __init__(self, *, ttl: float, tags: tuple[str, ...]) -> None:
        self._ttl = ttl
        self._tags = dict.fromkeys(tags)

    def ttl(self, seconds: float) -> None:
        """Keep the value fresh for `seconds`; raises ConfigurationError below a millisecond."""
        self._ttl = require_ttl(seconds)

    def tag(self, *tags: str) -> None:
        """Add tags to those the caller gave."""
        self._tags |= dict.fromkeys(tags)

    @property
    def chosen_ttl(self) -> float:
        """Seconds for which the value shall be fresh."""
        return self._ttl

    @property
    def chosen_tags(self) -> tuple[str, ...]:
        """The caller's tags and the factory's, each once."""
        return tuple(self._tags)


async def call(factory: Factory, context: LoadContext) -> Any:
    """Call a factory that takes no argument, or one, the context."""
    return await (factory(context) if _takes_context(factory) else factory())  # type: ignore[call-arg]


def _takes_context(factory: Factory) -> bool:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        # Some callables written in C tell no signature; they cannot know of the context either.
        return False
    return any(
        each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        for each in parameters
    )
