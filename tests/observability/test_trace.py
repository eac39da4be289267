"""A trace can be read back line by line, and a bad line is named."""

import typing

import msgspec
import pytest

from cachekit.core.events import Event
from cachekit.observability.trace import BadTrace, TraceLine, read_trace

HEADER = b'{"format":"cachekit-trace","version":1,"keys":"plain"}\n'
MISS = b'{"time":1.5,"namespace":"prices","event":"miss","key":"prices:a"}\n'


@pytest.fixture
def trace(tmp_path):
    """Writes a file of the given bytes and gives its path."""

    def write(content):
        path = tmp_path / "prices.trace"
        path.write_bytes(content)
        return path

    return write


def test_a_trace_is_its_lines(trace):
    """The header is checked and not handed out."""
    lines = list(read_trace(trace(HEADER + MISS)))
    assert lines == [TraceLine(time=1.5, namespace="prices", event="miss", key="prices:a")]


def test_every_event_has_a_line_that_holds_all_its_facts(facts):
    """No fact is lost, and absent ones are not written."""
    for fact in facts:
        line = TraceLine.of(fact, time=1.0, digest=None)
        written = msgspec.json.decode(msgspec.json.encode(line))
        named = {name: getattr(fact, name) for name in type(fact).__slots__}
        assert written == {"time": 1.0, "event": line.event, **named}
        assert msgspec.convert(written, TraceLine) == line


def test_every_event_has_a_kind_of_its_own(facts):
    """Beside them there is only the gap."""
    kinds = {TraceLine.of(fact, time=1.0, digest=None).event for fact in facts}
    assert len(kinds) == len(typing.get_args(Event))


def test_what_users_typed_can_be_hidden(facts):
    """The digest is put on keys, tags and patterns alike."""
    lines = [TraceLine.of(fact, time=1.0, digest=lambda _: "digest") for fact in facts]
    assert not any(b"user-typed" in msgspec.json.encode(line) for line in lines)


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (MISS + MISS, 1),
        (HEADER.replace(b":1,", b":2,") + MISS, 1),
        (HEADER + MISS + b"{\n", 3),
        (HEADER + MISS + b"\n" + MISS, 3),
        (HEADER + b"\xff\n", 2),
        (HEADER + MISS.replace(b"1.5", b'"now"'), 2),
        (HEADER + MISS.replace(b"prices:a", b"prices:\xff"), 2),
        (HEADER + MISS.replace(b"miss", b"mist"), 2),
    ],
    ids=["no header", "a later version", "cut", "empty", "no text", "a wrong type", "no UTF-8", "unknown"],
)
def test_a_bad_line_is_named_by_its_number(trace, content, number):
    """Lines are counted from one, as editors do."""
    path = trace(content)
    with pytest.raises(BadTrace, match=f"line {number}: ") as caught:
        list(read_trace(path))
    assert (caught.value.path, caught.value.line) == (str(path), number)


def test_the_error_does_not_show_the_line(trace):
    """It may hold what users typed."""
    with pytest.raises(BadTrace) as caught:
        list(read_trace(trace(HEADER + MISS.replace(b"1.5", b'"now"'))))
    assert "prices:a" not in str(caught.value)


def test_lines_before_a_bad_one_are_read(trace):
    """The file is not read whole."""
    lines = read_trace(trace(HEADER + MISS + b"{\n"))
    assert next(lines).event == "miss"


@pytest.mark.parametrize("content", [HEADER + MISS + MISS[:-20], HEADER + MISS + MISS[:-1], HEADER + MISS])
def test_a_last_line_without_its_end_is_passed_over(trace, content):
    """So ends the trace of a process that was killed as it wrote."""
    assert len(list(read_trace(trace(content)))) == 1


def test_facts_of_a_later_minor_format_are_passed_over(trace):
    """A reader takes what it knows."""
    (line,) = read_trace(trace(HEADER + MISS.replace(b"}", b',"colour":"red"}')))
    assert line.key == "prices:a"
