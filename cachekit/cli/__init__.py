"""The `cachekit` command; needs the extra `cli`. Exit codes stand in `cachekit.cli.app`."""

import sys

from cachekit.extras import missing_extra


def main() -> None:
    """Run the command, or say which extra is missing."""
    try:
        from cachekit.cli.app import app  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        sys.exit(str(missing_extra(error, part="the cachekit command", extra="cli")))
    app()


__all__ = ["main"]
