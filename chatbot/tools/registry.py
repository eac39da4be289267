"""The tools a model may call: looked up, validated, bounded in time, and never leaking a reason."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from chatbot.errors import ToolError
from chatbot.models.protocol import ToolSpec
from chatbot.tools.offers import FoundOffers

logger = logging.getLogger(__name__)

_LONGEST_RULE = 200


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


class ToolRegistry:
    """The tools of one assistant.

    Args:
        tools: their names must differ.
        timeout: seconds one call may take.

    Raises:
        ValueError: two tools share a name, or the timeout is not positive.
    """

    def __init__(self, tools: Iterable[Tool], *, timeout: float) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
        self._timeout = timeout
        self._tools: dict[str, tuple[Tool, Draft202012Validator]] = {}
        for tool in tools:
            name = tool.spec.name
            if name in self._tools:
                raise ValueError(f"tools must have different names; two are called {name!r}")
            Draft202012Validator.check_schema(tool.spec.input_schema)
            self._tools[name] = (tool, Draft202012Validator(tool.spec.input_schema))

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools in the order given, as a model request wants them."""
        return tuple(tool.spec for tool, _ in self._tools.values())

    async def run(self, name: str, arguments: Mapping[str, Any]) -> ToolReply:
        """Call a tool.

        Raises:
            ToolError: no such tool (`unknown_tool`), arguments that do not fit (`invalid_input`, naming
                the field), too slow (`tool_timeout`), or the tool's own failure. What is not safe to show
                is logged and is the error's cause.
        """
        known = self._tools.get(name)
        if known is None:
            names = ", ".join(self._tools) or "none"
            raise ToolError(f"There is no tool of that name; the tools are: {names}.", code="unknown_tool")
        tool, validator = known
        misfit = best_match(validator.iter_errors(dict(arguments)))
        if misfit is not None:
            raise ToolError(_explain(misfit), code="invalid_input")
        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                return await tool.run(arguments)
        except ToolError:
            raise
        except Exception as error:
            # A tool's own TimeoutError is a defect like any other; only ours means too slow.
            if deadline.expired():
                logger.warning("tool %s took longer than %g s", name, self._timeout)
                text = (
                    f"The tool {name} did not answer within {self._timeout:g} seconds; try again in a moment."
                )
                raise ToolError(text, code="tool_timeout") from error
            logger.exception("tool %s failed", name)
            raise ToolError(f"The tool {name} failed unexpectedly; try again in a moment.") from error


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
