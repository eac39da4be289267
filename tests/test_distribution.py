"""The wheel: what users install."""

import subprocess
import sys
import zipfile

import pytest
from support.machine import missing

from chatbot.page import DIST


@pytest.fixture(scope="module")
def names(root, tmp_path_factory):
    """The files in a wheel built from this tree."""
    if not (DIST / "index.html").exists():
        missing("built page (make page)")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = folder.iterdir()
    assert wheel.name.startswith("cachekit_toolkit-")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_both_packages_and_their_types(names):
    """Importable, and typed for the importer's checker."""
    assert {"cachekit/__init__.py", "cachekit/py.typed", "chatbot/app.py", "chatbot/py.typed"} <= names


def test_the_wheel_holds_the_built_page_and_not_its_source(names):
    """`python -m chatbot` serves a page from an installed wheel."""
    assert "chatbot/web/dist/index.html" in names
    assert any(name.startswith("chatbot/web/dist/assets/") and name.endswith(".js") for name in names)
    assert not any("node_modules" in name or name.startswith("chatbot/web/src") for name in names)


def test_the_wheel_holds_no_tests(names):
    """Only what users run."""
    assert not any(name.startswith("tests/") for name in names)
