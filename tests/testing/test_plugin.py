"""The pytest plugin, as a suite that uses it sees it."""

import subprocess
import sys

import redis

SUITE = """
pytest_plugins = ["cachekit.testing.plugin"]

seen = []

async def test_a_value_is_stale_when_its_time_has_passed(cachekit_cache, cachekit_clock):
    quotes = cachekit_cache.namespace("quotes")
    seen.append(await quotes.get("quotes:a"))
    await quotes.set("quotes:a", 1, ttl=60)
    cachekit_clock.advance(20)
    assert (await quotes.get_entry("quotes:a")).age == 20

test_the_next_test_finds_an_empty_server = test_a_value_is_stale_when_its_time_has_passed

def test_both_ran_on_the_private_server(cachekit_url):
    assert seen == [None, None]
    assert cachekit_url.startswith(SCHEME)
"""


def run(tmp_path, suite, *options):
    """Run pytest on a suite of its own; its exit code and what it said."""
    (tmp_path / "test_suite.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    command += ["-o", "asyncio_default_fixture_loop_scope=function", *options, "test_suite.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_its_fixtures_give_a_cache_of_the_test_s_own(tmp_path, redis_server):
    """A private server for the run, an emptied cache and a clock for each test."""
    code, output = run(tmp_path, SUITE.replace("SCHEME", "'unix://'"), "-o", "asyncio_mode=auto")
    assert code == 0, output


def test_without_a_server_it_falls_back_to_memory(tmp_path):
    """A machine that has no binary still runs the suite."""
    broken = "import cachekit.core.embedded as e\ne.find_server = lambda: None\n"
    suite = broken + SUITE.replace("SCHEME", "'memory://'")
    code, output = run(tmp_path, suite, "-o", "asyncio_mode=auto")
    assert code == 0, output


def test_a_server_of_the_suite_s_own_is_not_emptied(tmp_path, redis_url, redis_server):
    """Whoever points the fixtures at a server they use keeps what is on it."""
    suite = f"""
import pytest
pytest_plugins = ["cachekit.testing.plugin"]

@pytest.fixture(scope="session")
def cachekit_url():
    return {redis_url!r}

async def test_it(cachekit_cache):
    assert await cachekit_cache.store.get("precious") == b"1"
"""
    with redis.Redis(unix_socket_path=redis_server.socket) as client:
        client.set("precious", 1)
    code, output = run(tmp_path, suite, "-o", "asyncio_mode=auto")
    assert code == 0, output


def test_a_suite_that_does_not_ask_for_it_pays_nothing(tmp_path):
    """Without the line, pytest imports nothing of ours."""
    suite = "import sys\ndef test_it():\n    assert 'cachekit' not in sys.modules\n"
    code, output = run(tmp_path, suite)
    assert code == 0, output


CONTRACT = """
import pytest
from cachekit.testing.contract import ValueContract

pytest_plugins = ["cachekit.testing.plugin"]

class TestOurs(ValueContract):
    @pytest.fixture
    def cache_url(self, cachekit_url):
        return cachekit_url
"""


def test_a_suite_inherits_the_contract_in_strict_mode(tmp_path, redis_server):
    """pytest-asyncio's default mode is enough, and the fixtures of others do not get in the way."""
    code, output = run(tmp_path, CONTRACT, "-k", "none_is_no_miss or default_and_no_entry")
    assert (code, "2 passed" in output) == (0, True), output


def test_a_contract_without_a_url_says_what_is_missing(tmp_path):
    """The error names the fixture."""
    suite = CONTRACT.partition("class")[0] + "class TestOurs(ValueContract):\n    pass\n"
    code, output = run(tmp_path, suite, "-k", "none_is_no_miss")
    assert (code, "a fixture cache_url" in output) == (1, True), output
