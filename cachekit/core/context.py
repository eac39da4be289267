"""What a factory may say about the value it loads."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cachekit.core.policy import require_ttl
from cachekit.errors import ConfigurationError

Factory = Callable[[], Awaitable[Any]] | Callable[["LoadContext"], Awaitable[Any]]


def require_tags(tags: Iterable[Any]) -> tuple[str, ...]:
    """The tags, each once; raises ConfigurationError for one that is no text, or for one string of them."""
    if isinstance(tags, str):
        raise ConfigurationError(f"tags={tags!r} is one string; give a list of tags")
    once = tuple(dict.fromkeys(tags))
    for tag in once:
        if not isinstance(tag, str) or any("\ud800" <= character <= "\udfff" for character in tag):
            raise ConfigurationError(f"tags: {tag!r} is no text that UTF-8 can hold")
    return once


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
        """Add tags to those the caller gave; raises ConfigurationError for what is no text."""
        self._tags |= dict.fromkeys(require_tags(tags))

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
