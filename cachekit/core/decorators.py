"""`@cached`: an async function whose results are kept, by its arguments."""

import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, cast, overload

from cachekit.core.arguments import Binder, culprit, params, require_names
from cachekit.core.context import Factory, LoadContext, require_tags
from cachekit.core.entry import Entry
from cachekit.core.keys import KeySpace
from cachekit.core.policy import require_ttl
from cachekit.errors import ConfigurationError, InvalidKey

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")

Function = Callable[..., Awaitable[Any]]
TagsOption = Iterable[str] | Callable[..., Iterable[str]]


class Verbs(Protocol):
    """What is needed of a `Namespace`."""

    def key(self, resource: str, params: Any = ...) -> str: ...  # noqa: D102 - see Namespace

    async def get_or_set_entry(  # noqa: D102
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Entry: ...

    async def refresh(  # noqa: D102
        self, key: str, factory: Factory, *, ttl: float | None = None, tags: Iterable[str] = ()
    ) -> Entry: ...

    async def delete(self, key: str) -> bool: ...  # noqa: D102


def cached(
    namespace: Verbs | Callable[[], Verbs],
    resource: str | None = None,
    *,
    ttl: float | None = None,
    tags: TagsOption = (),
    key: Callable[..., Any] | None = None,
    ignore: Iterable[str] = (),
    steer: Callable[[LoadContext, Any], object] | None = None,
) -> Callable[[Callable[P, Awaitable[R]]], "Cached[P, R]"]:
    """Keep the results of an async function or method.

        @flights.cached("flights:search", ttl=60, tags=["route:{origin}-{destination}"])
        async def search(origin, destination, adults=1): ...

    The params of the key are a mapping of the arguments by name, defaults included, so every way to spell
    one call shares a value. An argument without canonical form (see `cachekit.core.keys`) may stand for
    itself by a method `__cache_key__()`, which returns something that has one. The instance of a method
    is an argument like any other: without canonical form and not ignored, it is refused.

    Args:
        namespace: where the results are kept; or a function that gives the namespace, called at each use,
            for what is decorated before the cache is open.
        resource: the resource of the keys; by default the function's module and qualified name.
        ttl: seconds for which a result is fresh; by default the policy's.
        tags: templates such as "route:{origin}", filled from the arguments; or a function of the same
            arguments that gives the tags.
        key: a function of the same arguments that gives the params of the key in place of the mapping.
        ignore: parameters that do not matter for the result, and so are left out of the key.
        steer: called with the `LoadContext` and each result before it is kept, e.g. to skip it or to
            choose its ttl.

    Raises:
        ConfigurationError: the function is not async, or an option cannot work.
        InvalidKey: the resource has other characters than keys may have.
    """
    if callable(resource):
        raise ConfigurationError("@cached takes its options first: write @namespace.cached()")
    if ttl is not None:
        require_ttl(ttl)
    if not callable(tags):
        tags = require_tags(tags)
    if isinstance(ignore, str):
        raise ConfigurationError(f"ignore={ignore!r} is one string; give a list of parameter names")
    ignored = frozenset(ignore)
    if key is not None and ignored:
        raise ConfigurationError("key= and ignore= exclude each other: what key leaves out is ignored")

    def decorate(function: Callable[P, Awaitable[R]]) -> Cached[P, R]:
        _require_async(function)
        whole, given = _opened(function)
        if given:
            unbound: Cached[..., R] = decorate(whole)
            return cast("Cached[P, R]", unbound.bound(given, inspect.signature(function)))
        name = _resource_of(function) if resource is None else resource
        KeySpace("any").key(name)  # a mistake shows where it is made, not at the first call
        binder = Binder(inspect.signature(function))
        parameters = {*binder.names}
        if not ignored <= parameters:
            raise ConfigurationError(
                f"ignore={sorted(ignored - parameters)}: the parameters are {sorted(parameters)}"
            )
        if not callable(tags):
            require_names(tags, parameters)
        source = namespace if callable(namespace) else lambda: namespace
        return Cached(_Plan(function, binder, source, name, ttl, tags, key, ignored, steer))

    return decorate


class Cached(Generic[P, R]):
    """An async function whose results are kept. Calling it gives the kept result, else a new one.

    What the function raises is raised, and nothing is kept. For a method, access through an instance
    binds it as usual: `api.search.delete("GRU", "LIS")`.
    """

    _plan: "_Plan"
    _receiver: tuple[Any, ...]

    def __init__(self, plan: "_Plan") -> None:
        self._plan = plan
        self._receiver = ()
        # Without the function's own attributes: another Cached's, or a callable object's, would replace ours.
        functools.update_wrapper(self, plan.function, updated=())

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self: "Cached[Concatenate[S, Q], R]", instance: S, owner: type | None = None
    ) -> "Cached[Q, R]": ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The method of `instance`, as functions do it."""
        if instance is None or self._receiver:
            return self
        return self.bound((instance,), self._plan.bound_signature)

    def bound(self, receiver: tuple[Any, ...], signature: inspect.Signature) -> "Cached[..., R]":
        """The same with its first arguments given; `signature` is of the rest."""
        bound: Cached[..., R] = object.__new__(type(self))
        bound.__dict__.update(self.__dict__, _receiver=receiver, __signature__=signature)
        return bound

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The kept result, else a new one; see `Namespace.get_or_set` for stale ones and for errors."""
        entry = await self.entry(*args, **kwargs)
        return cast("R", entry.value)

    async def entry(self, *args: P.args, **kwargs: P.kwargs) -> Entry:
        """As a call, but the whole `Entry`: value, source, age."""
        use = self._plan.use((*self._receiver, *args), kwargs)
        return await use.namespace.get_or_set_entry(use.key, use.factory, ttl=self._plan.ttl, tags=use.tags)

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function now, and keep what it gives."""
        use = self._plan.use((*self._receiver, *args), kwargs)
        entry = await use.namespace.refresh(use.key, use.factory, ttl=self._plan.ttl, tags=use.tags)
        return cast("R", entry.value)

    async def delete(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result of these arguments; whether there was one. See `Namespace.delete`."""
        use = self._plan.use((*self._receiver, *args), kwargs)
        return await use.namespace.delete(use.key)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The Redis key of these arguments.

        Raises:
            TypeError: the function does not take these arguments.
            InvalidKey: an argument has no canonical form; the text names it.
        """
        return self._plan.use((*self._receiver, *args), kwargs).key

    @property
    def uncached(self) -> Callable[P, Awaitable[R]]:
        """The function itself; `__wrapped__` is the same, never bound."""
        function = self._plan.function
        return functools.partial(function, *self._receiver) if self._receiver else function

    def __repr__(self) -> str:
        return f"<cached {self._plan.label} as {self._plan.resource}>"


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a cached function: its arguments, and what follows from them."""

    namespace: Verbs
    key: str
    tags: tuple[str, ...]
    factory: Factory


@dataclass(frozen=True)
class _Plan:
    """What was decided at decoration."""

    function: Function
    binder: Binder
    source: Callable[[], Verbs]
    resource: str
    ttl: float | None
    tags: TagsOption
    key: Callable[..., Any] | None
    ignored: frozenset[str]
    steer: Callable[[LoadContext, Any], object] | None

    @property
    def label(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    @functools.cached_property
    def bound_signature(self) -> inspect.Signature:
        signature = self.binder.signature
        return signature.replace(parameters=[*signature.parameters.values()][1:])

    def use(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Use:
        """Raises TypeError as the function itself would, and InvalidKey."""
        arguments = self.binder.arguments(args, kwargs)
        namespace = self.source()
        if self.key is None:
            key = self._key(namespace, arguments)
        else:
            key = namespace.key(self.resource, self._ask(self.key, args, kwargs))
        if callable(self.tags):
            tags = require_tags(self._ask(self.tags, args, kwargs))
        else:
            tags = tuple(template.format_map(arguments) for template in self.tags)
        return _Use(namespace, key, tags, self._factory(args, kwargs))

    def _ask(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = self.binder.bound(args, kwargs)
        return function(*bound.args, **bound.kwargs)

    def _key(self, namespace: Verbs, arguments: dict[str, Any]) -> str:
        relevant = params(arguments, self.ignored)
        try:
            return namespace.key(self.resource, relevant)
        except InvalidKey:
            found = culprit(relevant)
            if found is None:
                raise
            name, reason = found
            raise InvalidKey(
                f"argument {name!r} of {self.label} cannot be part of a key: {reason}. If the result does "
                f"not depend on it, decorate with ignore=[{name!r}]; else give its class a __cache_key__ "
                "method, or decorate with key="
            ) from None

    def _factory(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Factory:
        steer = self.steer
        if steer is None:
            return lambda: self.function(*args, **kwargs)

        async def steered(context: LoadContext) -> Any:
            result = await self.function(*args, **kwargs)
            steer(context, result)
            return result

        return steered


def _require_async(function: Any) -> None:
    if isinstance(function, classmethod | staticmethod):
        raise ConfigurationError(
            f"@{type(function).__name__} goes above the decorator that caches, not below"
        )
    call = getattr(function, "__call__", None)  # noqa: B004 - an object may be called, and be async, too
    if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)):
        label = getattr(function, "__qualname__", repr(function))
        raise ConfigurationError(f"{label} is not an async function, and only results of such are kept")


def _opened(function: Any) -> tuple[Function, tuple[Any, ...]]:
    """The function without the arguments it was bound to, and these, which the key must not lose."""
    if inspect.ismethod(function):
        return function.__func__, (function.__self__,)
    if isinstance(function, functools.partial):
        # Its signature shows what it was given by name, but not what by position.
        return functools.partial(function.func, **function.keywords), function.args
    return function, ()


def _resource_of(function: Any) -> str:
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    if not re.fullmatch(r"[A-Za-z0-9_.]+", name):
        # A function made within another may depend on what that one was called with.
        raise ConfigurationError(f"{name.strip('.') or function!r} has no name of its own: give a resource")
    return name
