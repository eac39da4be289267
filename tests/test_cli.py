"""The cachekit command: what it shows, what it removes, and how it ends."""

import asyncio
import json

import pytest
import zstandard
from typer.testing import CliRunner

import cachekit
from cachekit.cli.app import app


@pytest.fixture
def run(redis_url):
    """Runs the command against the test's own server."""
    runner = CliRunner()

    def invoke(*arguments, url=redis_url):
        return runner.invoke(app, [*arguments, "--url", url])

    return invoke


@pytest.fixture
def key(redis_url):
    """A stored value, large enough to be compressed, beside a foreign key and another namespace."""

    async def fill():
        async with cachekit.connect(redis_url) as cache:
            ns = cache.namespace("shop")
            key = ns.key("list", {"page": 1})
            await ns.set(key, {"items": ["[x]" * 3] * 2_000}, tags=["route:GRU-LIS"])
            await ns.set(ns.key("other"), 1)
            await cache.store.set("shop:foreign", b"\x00", px=60_000)
            await cache.namespace("shop2").set("shop2:list", 1)
            return key

    return asyncio.run(fill())


def test_get_shows_a_value_decoded(run, key):
    """What redis-cli shows as zstd is readable, with its state and tags."""
    shown = json.loads(run("get", key, "--json").stdout)
    assert shown["value"] == {"items": ["[x][x][x]"] * 2_000}
    assert (shown["state"], shown["tags"], shown["ttl"]) == ("fresh", ["route:GRU-LIS"], 300)
    assert shown["json_size"] > 10 * shown["size"]
    for_people = run("get", key)
    assert "[x][x][x]" in for_people.stdout
    assert "route:GRU-LIS" in for_people.stdout


def test_a_key_that_is_not_there_exits_with_1(run):
    """The sentence goes to stderr."""
    result = run("get", "shop:nothing")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no key" in result.stderr


def test_a_foreign_value_is_called_so(run, key):
    """What is no value of the cache is not decoded, and no error."""
    shown = json.loads(run("get", "shop:foreign", "--json").stdout)
    assert (shown["state"], shown["value"], shown["size"]) == ("foreign", None, 1)
    assert "foreign" in run("get", "shop:foreign").stdout


def test_a_damaged_value_is_foreign_too(run, redis_url):
    """Its header is right and its data is not: shown as such, without a traceback."""

    async def damage():
        async with cachekit.connect(redis_url) as cache:
            header = b'{"timestamp":"2026-11-18T11:06:40Z","ttl":300,"encoding":"zstd","size":3}\n'
            await cache.store.set("shop:damaged", header + zstandard.compress(b"][}"), px=60_000)

    asyncio.run(damage())
    assert json.loads(run("get", "shop:damaged", "--json").stdout)["state"] == "foreign"
    assert json.loads(run("keys", "shop", "--json").stdout)[0]["state"] == "foreign"


def test_keys_lists_what_matches(run, key):
    """One namespace only, by pattern, sorted, at most so many."""
    listed = json.loads(run("keys", "shop", "--json").stdout)
    assert [report["key"] for report in listed] == ["shop:foreign", key, "shop:other"]
    assert [report["key"] for report in json.loads(run("keys", "shop", "list:*", "--json").stdout)] == [key]
    assert len(json.loads(run("keys", "shop", "--limit", "1", "--json").stdout)) == 1
    lines = run("keys", "shop").stdout.splitlines()
    assert len(lines) == 4, "a line a key, however narrow the terminal"
    assert any(line.startswith(f"{key} ") for line in lines)


def test_a_dry_run_removes_nothing(run, key):
    """It counts what would go."""
    assert run("invalidate", "shop", "list:*", "--dry-run").stdout == "1 key would go\n"
    assert run("get", key).exit_code == 0


def test_invalidate_removes_what_matches(run, key):
    """And leaves the rest."""
    assert json.loads(run("invalidate", "shop", "list:*", "--json").stdout) == {"matched": 1, "removed": True}
    assert run("get", key).exit_code == 1
    assert run("get", "shop:other").exit_code == 0
    assert run("get", "shop2:list").exit_code == 0


def test_invalidate_by_tag_removes_what_has_it(run, key):
    """A route goes in one command, and nothing else does."""
    assert run("invalidate", "shop", "--tag", "route:GRU-LIS", "--dry-run").stdout == "1 key would go\n"
    assert run("invalidate", "shop", "--tag", "route:LIS-GRU").stdout == "0 keys removed\n"
    assert run("invalidate", "shop", "--tag", "x", "--tag", "route:GRU-LIS").stdout == "1 key removed\n"
    assert run("get", key).exit_code == 1
    assert run("get", "shop:other").exit_code == 0


def test_invalidate_by_tag_writes_the_services_log(run, key, redis_url):
    """What the tag was on is invalid for the service too, and what it is loading."""

    async def position():
        async with cachekit.connect(redis_url) as cache:
            return await cache.store.execute("XLEN", "cachekit/log:cachekit")

    before = asyncio.run(position())
    run("invalidate", "shop", "--tag", "route:GRU-LIS")
    assert asyncio.run(position()) > before


def test_invalidate_warns_of_an_app_that_nobody_has(run, key):
    """The keys go, but the rule stands in a log that no service reads."""
    result = run("invalidate", "shop", "*", "--app", "shpo")
    assert (result.exit_code, result.stdout) == (0, "3 keys removed\n")
    assert "no service with the app 'shpo'" in result.stderr
    assert "no service with the app 'shpo'" in run("invalidate", "shop", "--tag", "x", "--app", "shpo").stderr
    assert "no service with the app 'shpo'" in run("invalidate", "shop", "*", "--app", "shpo").stderr
    assert run("invalidate", "shop", "*", "--app", "cachekit").stderr == ""


def test_info_tells_what_the_server_is(run, key):
    """Version, memory and its policy."""
    facts = json.loads(run("info", "--json").stdout)
    assert facts["keys"] == 5, "four values, and the invalidation log"
    assert facts["version"]
    assert facts["maxmemory_policy"] == "noeviction"
    assert "maxmemory policy" in run("info").stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["keys", "a:b"], "namespace"),
        (["keys", "shop", "\\"], "backslash"),
        (["invalidate", "shop", ""], "empty"),
        (["invalidate", "shop"], "a pattern, or --tag"),
        (["invalidate", "shop", "*", "--tag", "x"], "a pattern, or --tag"),
    ],
)
def test_what_cannot_be_exits_with_2(run, arguments, named):
    """The sentence names what is wrong."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr


def test_a_redis_that_is_away_exits_with_3(run):
    """No traceback, and no address."""
    result = run("info", url="redis://:hunter2@127.0.0.1:1")
    assert result.exit_code == 3
    assert "could not serve" in result.stderr
    assert "--url" in result.stderr
    assert "hunter2" not in result.output


def test_the_version_is_told():
    """What to write into a report."""
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("cachekit-toolkit ")
