"""What a factory may say about the value it loads."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cachekit.core.entry import Entry
from cachekit.core.policy import Policy, require_ttl
from cachekit.errors import ConfigurationError, LoadTimeout

Factory = Callable[[], Awaitable[Any]] | Callable[["LoadContext"], Awaitable[Any]]


def require_tags(tags: Iterable[Any]) -> tuple[str, ...]:
    """The tags, each once; raises ConfigurationError for one that is no text, or for one string of them."""
    if isinstance(tags, str):
        raise ConfigurationError(f"tags={tags!r} is one string; give a list of tags")
    if not isinstance(tags, Iterable):
        raise ConfigurationError(f"tags={tags!r}: allowed is a list of texts")
    given = tuple(tags)
    for tag in given:
        if not isinstance(tag, str) or any("\ud800" <= character <= "\udfff" for character in tag):
            raise ConfigurationError(f"tags: {tag!r} is no text that UTF-8 can hold")
    return tuple(dict.fromkeys(given))


class LoadContext:
    """Handed to a factory that takes an argument; steers how the loaded value is kept.

    async def factory(ctx):
        reply = await api.search(..., if_none_match=ctx.stale and ctx.stale.value["etag"])
        if reply.status == 304:
            return ctx.not_modified()
        ctx.ttl(60 if reply.is_volatile else 3600)
        return reply.body
    """

    def __init__(self, *, policy: Policy, tags: tuple[str, ...], stale: Entry | None = None) -> None:
        self._policy = policy
        self._ttl: float | None = None
        self._stale: float | None = None
        self._tags = dict.fromkeys(tags)
        self.stale = stale
        """The old entry, if one is known that no invalidation has hit: for a conditional request."""
        self.skipped = False
        self.is_negative = False
        self.is_unmodified = False
        self.is_disowned = False

    def ttl(self, seconds: float) -> None:
        """Keep the value fresh for `seconds`; raises ConfigurationError below a millisecond."""
        self._ttl = require_ttl(seconds)

    def stale_for(self, seconds: float) -> None:
        """Let the value be served stale for `seconds` after its ttl, in place of the policy's `stale`.

        0: never. Raises ConfigurationError for less. A negative value is never served stale all the same.
        """
        self._stale = self._policy.replace(stale=seconds).stale

    def tag(self, *tags: str) -> None:
        """Add tags to those the caller gave; raises ConfigurationError for what is no text."""
        self._tags |= dict.fromkeys(require_tags(tags))

    def skip(self) -> None:
        """Give the value to the callers who wait, and keep nothing."""
        self.skipped = True

    def negative(self, ttl: float | None = None) -> None:
        """The value says that there is nothing: keep it for `ttl` seconds, by default `negative_ttl`.

        It is never served stale: what there was not may be there by now.
        """
        self.is_negative = True
        if ttl is not None:
            self.ttl(ttl)

    def not_modified(self) -> Any:
        """The old value holds: `return ctx.not_modified()` keeps it as if it had been loaded now.

        Its tags stay beside the new ones, since they say what the value is made of, and a negative one stays
        negative. Raises ConfigurationError if there is no old one.
        """
        if self.stale is None:
            raise ConfigurationError("ctx.not_modified() without ctx.stale: there is no old value to keep")
        self.is_unmodified = True
        self.is_negative = self.is_negative or self.stale.negative
        self._tags |= dict.fromkeys(self.stale.tags)
        return self.stale.value

    def disown(self) -> None:
        """The old value no longer holds, whatever becomes of this load.

        If the factory then raises, or skips, the old value is removed, and it is not served in the place of
        what was raised. For an upstream that says no, where one that is merely down would be borne with.
        """
        self.is_disowned = True

    @property
    def chosen_ttl(self) -> float:
        """Seconds for which the value shall be fresh."""
        if self._ttl is not None:
            return self._ttl
        return self._policy.negative_ttl if self.is_negative else self._policy.ttl

    @property
    def chosen_stale(self) -> float:
        """Seconds after its ttl for which the value may be served stale."""
        if self.is_negative:
            return 0
        return self._policy.stale if self._stale is None else self._stale

    @property
    def chosen_tags(self) -> tuple[str, ...]:
        """The caller's tags and the factory's, each once."""
        return tuple(self._tags)


async def call(factory: Factory, context: LoadContext, *, key: str, timeout: float | None) -> Any:  # noqa: ASYNC109
    """Call a factory that takes no argument, or one, the context.

    Raises LoadTimeout, having cancelled it, if it takes more than `timeout` seconds; None: it may take any.
    """
    require_callable(factory)
    try:
        async with asyncio.timeout(timeout) as deadline:
            given = factory(context) if takes_context(factory) else factory()  # type: ignore[call-arg]
            return await require_awaitable(given)
    except TimeoutError as error:
        if timeout is None or not deadline.expired():
            raise
        raise LoadTimeout(key, seconds=timeout) from error


def require_callable(factory: Any) -> None:
    """Raises ConfigurationError for what was called already, or cannot be."""
    if not callable(factory):
        raise ConfigurationError(
            f"the factory is a {type(factory).__name__}; give the async function itself, not a call of it"
        )


def require_awaitable(given: Any) -> Awaitable[Any]:
    """What a factory gave when it was called; raises ConfigurationError if that cannot be awaited."""
    if not inspect.isawaitable(given):
        raise ConfigurationError(
            f"the factory gave a value of type {type(given).__name__}; it must be an async function"
        )
    return given


def takes_context(factory: Factory) -> bool:
    """Whether the factory takes an argument."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        # Some callables written in C tell no signature; they cannot know of the context either.
        return False
    return any(
        each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        for each in parameters
    )
