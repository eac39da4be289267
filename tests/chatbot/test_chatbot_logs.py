"""Logs: one line an event, with the ids it belongs to and without what people said."""

import asyncio
import io
import json
import logging

import pytest

from cachekit.errors import CacheUnavailable
from chatbot.errors import ToolError
from chatbot.logs import MOST_ERRORS, bound, set_up_logging

SECRET = "what Ana asked"


@pytest.fixture
def logs():
    """Sets logging up for a test, and puts it back."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "chatbot", "cachekit")}
    handlers, stream = root.handlers[:], io.StringIO()

    def set_up(style, **options):
        set_up_logging(style, stream=stream, **options)
        return stream

    yield set_up
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object(logs):
    """With when, how grave, who and what; line breaks inside do not make two."""
    stream = logs("json", instance="i1")
    logging.getLogger("chatbot.gateway").info("said %s", "one\ntwo\u2028three")
    (line,) = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "chatbot.gateway",
        "message": "said one\ntwo\u2028three",
        "instance": "i1",
    }


async def test_ids_follow_the_work(logs):
    """Tasks begun inside carry them, those begun outside do not, and inner ones come on top."""
    stream = logs("json")
    logger = logging.getLogger("chatbot")

    async def work(text):
        await asyncio.sleep(0)
        logger.info(text)

    with bound(instance="i", session_id="s", request_id=None):
        inside = asyncio.create_task(work("inside"))
        with bound(answer_id="a"):
            logger.info("deeper")
    outside = asyncio.create_task(work("outside"))
    await asyncio.gather(inside, outside)
    found = {line["message"]: set(line) - {"at", "level", "logger", "message"} for line in lines(stream)}
    assert found == {
        "deeper": {"instance", "session_id", "answer_id"},
        "inside": {"instance", "session_id"},
        "outside": set(),
    }


def test_only_known_ids_are_taken():
    """A line cannot be given a field of one's own, and with it content."""
    with pytest.raises(TypeError), bound(text=SECRET):
        pass


def failing():
    try:
        int(SECRET)
    except ValueError as error:
        raise ToolError(f"I know no place {SECRET}", code="unknown_place") from error


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_is_told_without_its_words(logs, style):
    """Type, code, cause and where it was, but not the text, which may quote a user."""
    stream = logs(style)
    try:
        failing()
    except ToolError:
        logging.getLogger("chatbot").exception("a tool failed")
    written = stream.getvalue()
    assert SECRET not in written
    for told in ("ToolError", "unknown_place", "ValueError", "failing", "a tool failed"):
        assert told in written


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_known_to_quote_nobody_is_told_whole(logs, style):
    """What failed in Redis is what an operator looks for."""
    stream = logs(style)
    error = CacheUnavailable("Redis did not answer GET", operation="GET")
    logging.getLogger("chatbot").warning("no luck", exc_info=error)
    assert "Redis did not answer GET" in stream.getvalue()


def test_a_chain_of_exceptions_is_bounded(logs):
    """However deep it is."""
    stream = logs("json")
    error = None
    for _ in range(100):
        deeper = ValueError("x")
        deeper.__cause__, error = error, deeper
    logging.getLogger("chatbot").error("deep", exc_info=error)
    assert len(lines(stream)[0]["errors"]) == MOST_ERRORS


def test_others_speak_only_when_it_is_grave(logs):
    """Libraries log what they carry at INFO: URLs, packets, questions."""
    stream = logs("json")
    for name in ("httpx", "engineio.server", "botocore.parsers", "root"):
        logging.getLogger(name).info(SECRET)
    logging.getLogger("aiohttp.server").warning("grave")
    logging.getLogger("cachekit.core").info("ours")
    assert [line["message"] for line in lines(stream)] == ["grave", "ours"]


def test_text_lines_cannot_be_forged(logs):
    """A line break, a colour or an id with either stays within its line."""
    stream = logs("text")
    with bound(session_id="s\n2026 INFO forged"):
        logging.getLogger("chatbot").info("one\r\ntwo\x1b[31m")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("INFO chatbot: one  two [31m session_id=s?2026 INFO forged")


def test_setting_it_up_twice_writes_once(logs):
    """What handled the lines before no longer does."""
    logs("text")
    stream = logs("json")
    logging.getLogger("chatbot").info("once")
    assert stream.getvalue().count("once") == 1
