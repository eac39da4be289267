"""The command's verbs.

Exit codes: 0 done, 1 there is no such key, 2 the command line or a setting cannot work, 3 Redis is away.
Every verb takes `--json`, for programs.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cachekit.amadeus.sandbox.__main__ import main as run_sandbox
from cachekit.cli.inspection import Inspector, KeyReport
from cachekit.cli.removal import Removal
from cachekit.core.assembly import connect
from cachekit.core.cache import Cache
from cachekit.errors import CacheKitError, CacheUnavailable

NOT_FOUND: Final = 1
UNUSABLE: Final = 2
AWAY: Final = 3

WIDEST: Final = 10_000
"""Columns of the widest table."""

app = typer.Typer(
    name="cachekit",
    help="Look into a cache, and invalidate what is in it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Url = Annotated[
    str | None,
    typer.Option(help="Where Redis is. By default REDIS_URL, else REDIS_HOST, REDIS_PORT, REDIS_PASSWORD."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cachekit-toolkit {version('cachekit-toolkit')}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Look into a cache, and invalidate what is in it."""


@app.command()
def info(url: Url = None, as_json: AsJson = False) -> None:
    """Tell whether Redis answers, what it is, and how its memory is set up."""

    async def look(cache: Cache) -> dict[str, Any]:
        found = await cache.store.execute("INFO")
        health = await cache.health()
        return {
            "version": found.get("redis_version"),
            "latency_ms": None if health.latency is None else round(health.latency * 1000, 2),
            "keys": await cache.store.execute("DBSIZE"),
            "used_memory": found.get("used_memory"),
            "maxmemory": found.get("maxmemory"),
            "maxmemory_policy": found.get("maxmemory_policy"),
            "connected_clients": found.get("connected_clients"),
            "evicted_keys": found.get("evicted_keys"),
        }

    facts = _run(url, look)
    if as_json:
        _print_json(facts)
    else:
        _print_table(["", ""], [[name.replace("_", " "), str(fact)] for name, fact in facts.items()])


@app.command()
def keys(
    namespace: Annotated[str, typer.Argument(help="For instance amadeus_cache.")],
    pattern: Annotated[str, typer.Argument(help="Relative to the namespace: 'flights:search:*'.")] = "*",
    limit: Annotated[int, typer.Option(min=1, help="Keys to show at most.")] = 100,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List keys with their state, age and size."""

    async def look(cache: Cache) -> list[KeyReport]:
        inspector = Inspector(cache)
        reports: list[KeyReport] = []
        async for key in inspector.matching(namespace, pattern):
            report = await inspector.report(key)
            if report is not None:
                reports.append(report)
            if len(reports) == limit:
                break
        return sorted(reports, key=lambda report: report.key)

    reports = _run(url, look)
    if as_json:
        _print_json(reports)
    else:
        heads = ["key", "state", "age s", "left s", "bytes", "JSON bytes", "tags"]
        _print_table(heads, [_row(report) for report in reports])


@app.command()
def get(
    key: Annotated[str, typer.Argument(help="The full key, as Redis has it.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a value, decoded, with its state, age and tags."""
    found = _run(url, lambda cache: Inspector(cache).read(key))
    if found is None:
        _complain(f"there is no key {key!r}")
        raise typer.Exit(NOT_FOUND)
    report, value = found
    if as_json:
        _print_json({**msgspec.to_builtins(report), "value": value})
        return
    facts = {**msgspec.to_builtins(report), "tags": " ".join(report.tags)}
    _print_table(["", ""], [[name, str(fact)] for name, fact in facts.items()])
    if report.state != "foreign":
        Console().print_json(msgspec.json.encode(value).decode())


@app.command()
def invalidate(  # noqa: PLR0917 - each is an option of the command, and named there
    namespace: Annotated[str, typer.Argument(help="For instance amadeus_cache.")],
    pattern: Annotated[
        str | None, typer.Argument(help="Relative to the namespace; '*' is all of it. Or give --tag.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="What has this tag, e.g. route:GRU-LIS; may be given again.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    service: Annotated[
        str,
        typer.Option("--app", help="The service's name, as it gives it to connect(): its log is written to."),
    ] = "cachekit",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Invalidate what matches a pattern, or has a tag, in one namespace, and remove it from Redis."""
    if (pattern is None) is not bool(tag):
        _complain("invalidate takes a pattern, or --tag, and not both")
        raise typer.Exit(UNUSABLE)

    async def remove(cache: Cache) -> int:
        removal = Removal(cache, namespace, dry_run=dry_run)
        if not await removal.service_is_known():
            _complain(
                f"no service with the app {service!r} has used this Redis; give --app the name that the "
                "service gives to connect(), else its loads under way are not caught"
            )
        return await (removal.by_tags(tag or ()) if pattern is None else removal.by_pattern(pattern))

    count = _run(url, remove, app=service)
    if as_json:
        _print_json({"matched": count, "removed": not dry_run})
    else:
        noun = "key" if count == 1 else "keys"
        typer.echo(f"{count} {noun} {'would go' if dry_run else 'removed'}")


@app.command(
    # All is read by the sandbox itself, --help too.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def sandbox(context: typer.Context) -> None:
    """Run the Amadeus sandbox."""
    run_sandbox(context.args, program="cachekit sandbox")


def _run(url: str | None, work: Callable[[Cache], Awaitable[Any]], *, app: str = "cachekit-cli") -> Any:
    """Do `work` with an open cache; turn what went wrong into a sentence and an exit code."""

    async def open_and_work() -> Any:
        async with connect(url, app=app) as cache:
            return await work(cache)

    try:
        return asyncio.run(open_and_work())
    except CacheUnavailable as error:
        _complain(f"{error}; --url or REDIS_URL says where Redis is")
        raise typer.Exit(AWAY) from None
    except CacheKitError as error:
        _complain(str(error))
        raise typer.Exit(UNUSABLE) from None


def _row(report: KeyReport) -> list[str]:
    left, age = report.expires_in_redis, report.age
    return [
        report.key,
        report.state,
        "" if age is None else f"{age:.0f}",
        "for ever" if left is None else f"{left:.0f}",
        str(report.size),
        "" if report.json_size is None else str(report.json_size),
        " ".join(report.tags),
    ]


def _print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def _print_table(heads: list[str], rows: list[list[str]]) -> None:
    table = Table(box=None, show_header=any(heads), pad_edge=False)
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # As wide as it needs to be, whatever the terminal: a key that is broken over lines cannot be copied.
    Console(highlight=False, markup=False, width=WIDEST).print(table)


def _complain(sentence: str) -> None:
    typer.echo(f"cachekit: {sentence}", err=True)
