"""The security page stays true: each test that it names is there."""

import re


def test_every_named_test_exists(root):
    """A threat whose test was renamed or deleted is held by nothing."""
    named = set(re.findall(r"`(test_\w+)`", (root / "docs/security.md").read_text(encoding="utf-8")))
    there = set()
    for path in (root / "tests").rglob("test_*.py"):
        there |= set(re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8")))
    assert len(named) > 30
    assert named - there == set()
