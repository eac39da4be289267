"""The tool registry: what it lets through, what it bounds, and what it never shows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chatbot.errors import ToolError
from chatbot.models.protocol import ToolSpec
from chatbot.tools import ToolRegistry, ToolReply

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["city"],
    "properties": {
        "city": {"type": "string", "minLength": 2, "description": "a city's name"},
        "days": {"type": "integer", "minimum": 1},
    },
}


@dataclass
class Forecast:
    """A tool that does what a test tells it to."""

    work: Callable[[Mapping[str, Any]], Awaitable[ToolReply]]
    name: str = "forecast"

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, "Tell the weather.", SCHEMA)

    async def run(self, arguments: Mapping[str, Any]) -> ToolReply:
        return await self.work(arguments)


async def sunny(arguments: Mapping[str, Any]) -> ToolReply:
    return ToolReply({"sky": "clear", "city": arguments["city"]})


async def broken(_: Mapping[str, Any]) -> ToolReply:
    raise RuntimeError("password=hunter2")


async def slow(_: Mapping[str, Any]) -> ToolReply:
    await asyncio.Event().wait()
    raise AssertionError


async def impatient(_: Mapping[str, Any]) -> ToolReply:
    raise TimeoutError("of its own")


async def refusing(_: Mapping[str, Any]) -> ToolReply:
    raise ToolError("No such city; try another.", code="unknown_place")


def registry(work: Callable[[Mapping[str, Any]], Awaitable[ToolReply]], timeout: float = 60) -> ToolRegistry:
    return ToolRegistry([Forecast(work)], timeout=timeout)


async def test_a_tool_runs_with_its_arguments() -> None:
    """Arguments that fit the schema reach the tool, and its reply comes back."""
    assert (await registry(sunny).run("forecast", {"city": "Rome"})).content == {
        "sky": "clear",
        "city": "Rome",
    }


def test_the_specs_are_those_of_the_tools_in_order() -> None:
    """A model request can be given the registry's specs as they are."""
    tools = ToolRegistry([Forecast(sunny, "b"), Forecast(sunny, "a")], timeout=1)
    assert [spec.name for spec in tools.specs] == ["b", "a"]


async def test_an_unknown_tool_is_refused_by_name() -> None:
    """The text lists the tools there are."""
    with pytest.raises(ToolError, match="forecast") as caught:
        await registry(sunny).run("delete_everything", {})
    assert caught.value.code == "unknown_tool"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Missing field: city"),
        ({"city": 5}, "Field city .* type string"),
        ({"city": "R"}, r"Field city .* minLength 2 \(a city's name\)"),
        ({"city": "Rome", "days": 0}, "Field days .* minimum 1"),
        ({"city": "Rome", "planet": "Mars"}, "Unknown field .*: city, days"),
    ],
)
async def test_input_that_does_not_fit_names_the_field(arguments: dict[str, Any], said: str) -> None:
    """The error names the field and the rule, and the tool does not run."""
    with pytest.raises(ToolError, match=said) as caught:
        await registry(broken).run("forecast", arguments)
    assert caught.value.code == "invalid_input"


async def test_a_slow_tool_is_stopped() -> None:
    """Past its time the call is cancelled and said to be too slow."""
    with pytest.raises(ToolError, match="did not answer within") as caught:
        await registry(slow, timeout=0.001).run("forecast", {"city": "Rome"})
    assert caught.value.code == "tool_timeout"


@pytest.mark.parametrize("work", [broken, impatient])
async def test_a_defect_is_logged_and_hidden(
    work: Callable[[Mapping[str, Any]], Awaitable[ToolReply]], caplog: pytest.LogCaptureFixture
) -> None:
    """The page and the model see a plain sentence; the log has the traceback."""
    with caplog.at_level(logging.ERROR), pytest.raises(ToolError) as caught:
        await registry(work).run("forecast", {"city": "Rome"})
    assert (caught.value.code, "hunter2" in str(caught.value)) == ("tool_failed", False)
    assert caplog.records[0].exc_info


async def test_a_tool_s_own_error_passes() -> None:
    """A ToolError is already made to be shown."""
    with pytest.raises(ToolError, match="try another") as caught:
        await registry(refusing).run("forecast", {"city": "Rome"})
    assert caught.value.code == "unknown_place"


async def test_being_cancelled_is_not_a_failure() -> None:
    """Who stops an answer stops its tools, without an error being made of it."""
    task = asyncio.create_task(registry(slow).run("forecast", {"city": "Rome"}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_names_must_differ_and_time_must_be_positive() -> None:
    """A registry that cannot work is refused when it is made."""
    with pytest.raises(ValueError, match="different names"):
        ToolRegistry([Forecast(sunny), Forecast(sunny)], timeout=1)
    with pytest.raises(ValueError, match="timeout"):
        ToolRegistry([], timeout=0)
