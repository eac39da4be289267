"""The tool registry: what it lets through, what it bounds, and what it never shows."""

import asyncio
import contextlib
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


async def test_a_tool_may_have_a_time_of_its_own() -> None:
    """The others keep the common one."""
    tools = ToolRegistry([Forecast(slow, "slow"), Forecast(sunny)], timeout=60, timeouts={"slow": 0.001})
    with pytest.raises(ToolError, match=r"within 0\.001 seconds"):
        await tools.run("slow", {"city": "Rome"})
    assert (await tools.run("forecast", {"city": "Rome"})).content["sky"] == "clear"


async def test_a_result_that_is_too_large_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The model is told to ask for less; a result that is no JSON is a defect."""

    async def talkative(arguments: Mapping[str, Any]) -> ToolReply:
        return ToolReply({"text": "x" * arguments["days"]})

    async def wrong(_: Mapping[str, Any]) -> ToolReply:
        return ToolReply({"text": object()})

    tools = ToolRegistry([Forecast(talkative), Forecast(wrong, "wrong")], timeout=60, most_content=1_000)
    assert await tools.run("forecast", {"city": "Rome", "days": 989})
    with pytest.raises(ToolError, match="ask for less") as caught:
        await tools.run("forecast", {"city": "Rome", "days": 990})
    assert caught.value.code == "too_large"
    with pytest.raises(ToolError) as caught:
        await tools.run("wrong", {"city": "Rome"})
    assert caught.value.code == "tool_failed"


@pytest.mark.parametrize("arguments", [None, "Rome", ["Rome"], 5])
async def test_input_that_is_no_object_is_refused(arguments: Any) -> None:
    """Whatever a model wrote in its place."""
    with pytest.raises(ToolError, match="JSON object") as caught:
        await registry(broken).run("forecast", arguments)
    assert caught.value.code == "invalid_input"


async def test_input_is_bounded_before_it_is_looked_at() -> None:
    """No tool wants kilobytes."""
    with pytest.raises(ToolError, match="more than 8192 bytes") as caught:
        await registry(broken).run("forecast", {"city": "R" * 8_192})
    assert caught.value.code == "invalid_input"


async def test_every_call_is_observed_once() -> None:
    """By its tool and its outcome; a name that is no tool's is not repeated, so that labels stay few."""
    heard: list[tuple[str, str]] = []
    tools = ToolRegistry(
        [Forecast(sunny), Forecast(broken, "broken"), Forecast(slow, "slow"), Forecast(refusing, "refusing")],
        timeout=0.001,
        observe=lambda name, outcome, seconds: heard.append((name, outcome if seconds >= 0 else "")),
    )
    for name in ("forecast", "broken", "slow", "refusing", "delete_everything"):
        with contextlib.suppress(ToolError):
            await tools.run(name, {"city": "Rome"})
    with contextlib.suppress(ToolError):
        await tools.run("forecast", {})
    assert heard == [
        ("forecast", "ok"),
        ("broken", "tool_failed"),
        ("slow", "tool_timeout"),
        ("refusing", "unknown_place"),
        ("unknown", "unknown_tool"),
        ("forecast", "invalid_input"),
    ]


def test_names_must_differ_and_time_must_be_positive() -> None:
    """A registry that cannot work is refused when it is made."""
    with pytest.raises(ValueError, match="different names"):
        ToolRegistry([Forecast(sunny), Forecast(sunny)], timeout=1)
    with pytest.raises(ValueError, match="timeout"):
        ToolRegistry([], timeout=0)
    with pytest.raises(ValueError, match="not there: slow"):
        ToolRegistry([Forecast(sunny)], timeout=1, timeouts={"slow": 1})
