"""The published descriptions of the API, where a machine has them; they are no part of this project.

The environment variable `AMADEUS_SPEC` names the directory that holds them.
"""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

VARIABLE = "AMADEUS_SPEC"


def check(document: Any, name: str, place: str) -> None:
    """Hold a document against the schema at `place` (a JSON pointer) of the description `name`.

    Skips the test where the descriptions are absent.
    """
    directory = os.environ.get(VARIABLE)
    if not directory:
        pytest.skip(f"{VARIABLE} names no directory")
    description = json.loads((Path(directory) / f"{name}.json").read_text("utf-8"))
    jsonschema.Draft4Validator(description | {"$ref": f"#{place}"}).validate(document)
