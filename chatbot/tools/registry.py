"""The tools a model may call: looked up, validated, bounded in time and size, and never leaking a reason."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from chatbot.errors import ToolError
from chatbot.models.protocol import ToolSpec
from chatbot.tools.offers import FoundOffers

__all__ = ["Observe", "Tool", "ToolRegistry", "ToolReply"]

logger = logging.getLogger(__name__)

MOST_INPUT: Final = 8_192
"""Bytes of a call's input as JSON; the largest that any tool can want has a few hundred."""

MOST_CONTENT: Final = 32_768
"""Bytes of a result as JSON, by default: some 10,000 tokens. The tools stay far below by themselves."""

_LONGEST_RULE: Final = 200

Observe = Callable[[str, str, float], None]
"""Hears of each call that has ended: the tool's name ("unknown" for what is none), the outcome ("ok",
"cancelled", or the error's code) and the seconds it took. Called on the event loop; must not raise."""


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool answered: `content` for the model to read, `offers` for the page to show."""

    content: Mapping[str, Any]
    offers: FoundOffers | None = None


class Tool(Protocol):
    """Something a model may call.

    Outcomes of `run`, whose arguments fit `spec.input_schema`:
        case 1: a ToolReply.
        case 2: ToolError, whose text is safe to show and says what to change.
        case 3: any other exception: a defect, which the registry logs and hides.
    """

    @property
    def spec(self) -> ToolSpec:
        """Name, description and input schema (JSON Schema 2020-12) as the model sees them."""
        ...

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        """Do the work."""
        ...


@dataclass(frozen=True, slots=True)
class _Registered:
    tool: Tool
    validator: Draft202012Validator
    timeout: float


class ToolRegistry:
    """The tools of one assistant.

    Args:
        tools: their names must differ.
        timeout: seconds one call may take.
        timeouts: seconds for the tools, by name, that shall have another bound.
        most_content: bytes of JSON that one result may have.
        observe: hears of each call.

    Raises:
        ValueError: two tools share a name, a bound is not positive, or one is for no tool.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        *,
        timeout: float,
        timeouts: Mapping[str, float] | None = None,
        most_content: int = MOST_CONTENT,
        observe: Observe = lambda _name, _outcome, _seconds: None,
    ) -> None:
        bounds = dict(timeouts or {})
        if not all(bound > 0 for bound in (timeout, most_content, *bounds.values())):
            raise ValueError("timeout, timeouts and most_content must be more than 0")
        self._most_content = most_content
        self._observe = observe
        self._tools: dict[str, _Registered] = {}
        for tool in tools:
            name, schema = tool.spec.name, tool.spec.input_schema
            if name in self._tools:
                raise ValueError(f"tools must have different names; two are called {name!r}")
            Draft202012Validator.check_schema(schema)
            bound = bounds.pop(name, timeout)
            self._tools[name] = _Registered(tool, Draft202012Validator(schema), bound)
        if bounds:
            raise ValueError(f"timeouts for tools that are not there: {', '.join(sorted(bounds))}")

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools in the order given, as a model request wants them."""
        return tuple(known.tool.spec for known in self._tools.values())

    async def run(self, name: str, arguments: object) -> ToolReply:
        """Call a tool with whatever a model gave as its input.

        Raises:
            ToolError: no such tool (`unknown_tool`), arguments that do not fit (`invalid_input`, naming
                the field), too slow (`tool_timeout`), a result that is too large (`too_large`), or the
                tool's own failure. What is not safe to show is logged and is the error's cause.
        """
        outcome, began = "cancelled", time.perf_counter()
        try:
            reply = await self._call(name, arguments)
            outcome = "ok"
        except ToolError as error:
            outcome = error.code
            raise
        finally:
            self._observe(name if name in self._tools else "unknown", outcome, time.perf_counter() - began)
        return reply

    async def _call(self, name: str, arguments: object) -> ToolReply:
        known = self._tools.get(name)
        if known is None:
            names = ", ".join(self._tools) or "none"
            raise ToolError(f"There is no tool of that name; the tools are: {names}.", code="unknown_tool")
        given = _checked(known.validator, arguments)
        deadline = asyncio.timeout(known.timeout)
        try:
            async with deadline:
                reply = await known.tool.run(given)
            size = len(msgspec.json.encode(reply.content))
        except ToolError:
            raise
        except Exception as error:
            # A tool's own TimeoutError is a defect like any other; only ours means too slow.
            if deadline.expired():
                logger.warning("tool %s took longer than %g s", name, known.timeout)
                text = (
                    f"The tool {name} did not answer within {known.timeout:g} seconds; try again in a moment."
                )
                raise ToolError(text, code="tool_timeout") from error
            logger.exception("tool %s failed", name)
            raise ToolError(f"The tool {name} failed unexpectedly; try again in a moment.") from error
        if size > self._most_content:
            logger.error("tool %s made a result of %d bytes", name, size)
            raise ToolError(f"The result of {name} is too large to be read; ask for less.", code="too_large")
        return reply


def _checked(validator: Draft202012Validator, arguments: object) -> Mapping[str, Any]:
    """The arguments, if they fit; ToolError if not."""
    if not isinstance(arguments, Mapping):
        raise ToolError("The input must be a JSON object with the tool's fields.", code="invalid_input")
    given = dict(arguments)
    try:
        # What a validator would walk through, and quote in its errors, is bounded beforehand.
        if len(msgspec.json.encode(given)) > MOST_INPUT:
            raise ToolError(f"The input has more than {MOST_INPUT} bytes.", code="invalid_input")
        misfit = best_match(validator.iter_errors(given))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        text = "The input is no plain JSON: texts, numbers of up to 64 bits, a few levels deep."
        raise ToolError(text, code="invalid_input") from error
    if misfit is not None:
        raise ToolError(_explain(misfit), code="invalid_input")
    return given


def _explain(error: ValidationError) -> str:
    """Which field broke which rule; the value itself stays out of the text."""
    field = ".".join(str(step) for step in error.absolute_path) or "input"
    schema: Any = error.schema
    if error.validator == "required":
        required, given = cast("list[str]", error.validator_value), cast("dict[str, Any]", error.instance)
        missing = [name for name in required if name not in given]
        return f"Missing field{'s' if len(missing) > 1 else ''}: {', '.join(missing)}."
    if error.validator == "additionalProperties":
        return f"Unknown field in {field}; the fields are: {', '.join(schema.get('properties', ()))}."
    rule = f"{error.validator} {error.validator_value}"[:_LONGEST_RULE]
    hint = f" ({schema['description']})" if "description" in schema else ""
    return f"Field {field} does not fit the rule: {rule}{hint}."
