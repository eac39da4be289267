"""The arguments of a call by name: what of them is part of a key, and templates that they fill."""

import inspect
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cachekit.core.keys import canonical_text
from cachekit.errors import ConfigurationError, InvalidKey

_PLAIN: Final = frozenset({str, int, bool, float, type(None)})
_BY_NAME: Final = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})


@dataclass(frozen=True, slots=True)
class Identity:
    """Stands in a key for an argument that has a `__cache_key__`; two classes may give equal ones."""

    kind: str
    key: Any


class Binder:
    """Gives the arguments of each call their names."""

    def __init__(self, signature: inspect.Signature) -> None:
        self.signature = signature
        self.names = tuple(signature.parameters)
        parameters = signature.parameters.values()
        self._defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
        # By how many arguments are given by position: the names that may be given by keyword.
        self._open: list[frozenset[str]] = []
        if all(each.kind in _BY_NAME for each in parameters):
            positional = sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters)
            self._open = [frozenset(self.names[count:]) for count in range(positional + 1)]

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name, defaults included; raises TypeError for what the function does not take."""
        # A fifth of the time of Signature.bind, which is left with variadic parameters and with mistakes.
        if len(args) < len(self._open) and kwargs.keys() <= self._open[len(args)]:
            arguments = {**self._defaults, **dict(zip(self.names, args, strict=False)), **kwargs}
            if len(arguments) == len(self.names):
                return arguments
        bound = self.bound(args, kwargs)
        return bound.arguments

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        """The same, in the form in which another function of the same parameters takes them."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound


def params(arguments: Mapping[str, Any], ignored: frozenset[str]) -> dict[str, Any]:
    """The params of a key: the arguments that matter, each by what stands for it."""
    return {
        name: value if type(value) in _PLAIN else _identified(value)
        for name, value in arguments.items()
        if name not in ignored
    }


def culprit(params: Mapping[str, Any]) -> tuple[str, InvalidKey] | None:
    """The first of the params that has no canonical form, and why."""
    for name, value in params.items():
        try:
            canonical_text(value)
        except InvalidKey as reason:
            return name, reason
    return None


def require_names(templates: Iterable[str], names: Iterable[str]) -> None:
    """Raise ConfigurationError unless the templates' fields are plain names, and among `names`."""
    allowed = {*names}
    for template in templates:
        for field in _fields(template):
            if field not in allowed:
                raise ConfigurationError(
                    f"tags: {{{field}}} in {template!r} is none of the names {sorted(allowed)}"
                )


def _fields(template: str) -> Iterator[str]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigurationError(f"tags: {template!r} is no template: {error}") from None
    for _, field, spec, _ in parts:
        if field is not None:
            yield field
            yield from _fields(spec or "")


def _identified(value: Any) -> Any:
    own = getattr(type(value), "__cache_key__", None)
    if own is None:
        return value
    # By its module, too: a cached method may be inherited by classes of one name.
    return Identity(f"{type(value).__module__}.{type(value).__qualname__}", own(value))
