"""The documentation stays true: its examples run, its links lead somewhere, its index lists every page."""

import ast
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", *PAGES]

RUNS = "# runs"
"""A Python block that begins with this line is executed; all others must only compile."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def blocks():
    """Every Python block, with the line of the document on which its code begins."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for found in _FENCE.finditer(text):
            if found[1] == "python":
                line = text.count("\n", 0, found.start(2)) + 1
                yield pytest.param(path, line, found[2], id=f"{path.name}:{line}")


def links():
    """Every link that is no address of the web."""
    for path in DOCUMENTS:
        for target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
            if not re.match(r"[a-z]+:", target):
                yield pytest.param(path, target, id=f"{path.name}→{target}")


def anchors(path):
    """The anchors that a forge makes of a page's headings."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("path", "line", "code"), [*blocks()])
async def test_an_example_compiles_and_runs_if_it_says_so(path, line, code, monkeypatch):
    """`# runs` blocks are executed, each alone, with an empty memory:// as the environment's Redis."""
    source = "\n" * (line - 1) + code  # so that a traceback names the document's own line
    compiled = compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.startswith(RUNS):
        monkeypatch.setenv("REDIS_URL", "memory://")
        result = eval(compiled, {"__name__": "docs"})
        if inspect.isawaitable(result):
            await result


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_short_and_opens_with_its_title(path):
    """One heading of the first rank, at the top, and at most 150 lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 150


@pytest.mark.parametrize(("path", "target"), [*links()])
def test_a_link_leads_somewhere(path, target):
    """Relative links name a file that is there and, after `#`, one of its headings."""
    name, _, anchor = target.partition("#")
    found = (path.parent / name).resolve() if name else path
    assert found.exists()
    assert not anchor or anchor in anchors(found)


def test_the_index_lists_every_page():
    """docs/index.md links each page once."""
    listed = _LINK.findall((ROOT / "docs/index.md").read_text(encoding="utf-8"))
    assert sorted(target for target in listed if "/" not in target) == [
        path.name for path in PAGES if path.name != "index.md"
    ]
