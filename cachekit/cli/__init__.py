"""The `cachekit` command; needs the extra `cli`. Exit codes stand in `cachekit.cli.app`."""

import sys


def main() -> None:
    """Run the command, or say which extra is missing."""
    try:
        from cachekit.cli.app import app  # noqa: PLC0415 - an extra
    except ImportError as error:
        sys.exit(f"the cachekit command needs the package cachekit-toolkit[cli] ({error.name} is missing)")
    app()


__all__ = ["main"]
