"""The sandbox as a process of its own, and what importing the client does without."""

import json
import os
import signal
import subprocess
import sys

import httpx
import pytest

RECORDING = {
    "format": 1,
    "recorded_at": "2026-11-22T12:00:00Z",
    "request": {"verb": "GET", "path": "/v1/reference-data/airlines", "query": {"airlineCodes": "BA"}},
    "response": {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "json": {"data": ["as recorded"]},
    },
}


def start(*options, **more):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "cachekit.amadeus.sandbox", "--latency-ms", "0", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )


def stopped(process):
    """The exit code and what was written to standard error."""
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_on_a_signal(number):
    """One line of JSON when ready; a clean end."""
    process = start("--seed", "7")
    ready = json.loads(process.stdout.readline())
    assert ready["url"].startswith("http://127.0.0.1:")
    assert httpx.get(f"{ready['url']}/_sandbox/stats", trust_env=False).json()["seed"] == ready["seed"] == 7
    process.send_signal(number)
    assert stopped(process) == (0, b"")


def test_it_ends_with_its_parent():
    """When standard input ends, so does the sandbox."""
    process = start("--exit-with-parent")
    assert json.loads(process.stdout.readline())["url"]
    process.stdin.close()
    process.stdin = None
    assert stopped(process) == (0, b"")


def test_a_signal_ends_it_while_its_parent_lives():
    """The watch on standard input does not hold up the exit."""
    process = start("--exit-with-parent")
    assert json.loads(process.stdout.readline())["url"]
    process.terminate()
    assert process.wait(timeout=30) == 0
    assert stopped(process) == (0, b"")


def test_an_address_that_cannot_be_had_is_told_in_a_line():
    """No traceback for a busy port or a foreign address."""
    process = start("--host", "192.0.2.1")
    code, errors = stopped(process)
    assert code == 2
    assert errors.startswith(b"cannot listen on 192.0.2.1:0")


def test_it_replays_recordings(tmp_path):
    """A directory of them; whether a directory can be replayed is told before it listens."""
    (tmp_path / "case.json").write_text(json.dumps(RECORDING))
    process = start("--replay", str(tmp_path), "--replay-only")
    ready = json.loads(process.stdout.readline())
    form = {name: ready[name] for name in ("client_id", "client_secret")}
    with httpx.Client(base_url=ready["url"], trust_env=False) as http:
        token = http.post(
            "/v1/security/oauth2/token", data=form | {"grant_type": "client_credentials"}
        ).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        recorded = http.get("/v1/reference-data/airlines", params={"airlineCodes": "BA"})
        other = http.get("/v1/reference-data/airlines", params={"airlineCodes": "TP"})
    assert recorded.json() == {"data": ["as recorded"]}
    assert (other.status_code, other.json()["errors"][0]["code"]) == (404, 1797)
    process.terminate()
    assert stopped(process) == (0, b"")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--replay", "/nowhere"], b"/nowhere is no directory"),
        (["--replay-only"], b"--replay-only needs --replay"),
        (["--port", "99999"], b"0 to 65535"),
        (["--port", "-1"], b"0 to 65535"),
        (["--latency-ms", "-4"], b"0 to 60,000 milliseconds"),
        (["--latency-ms", "nan"], b"0 to 60,000 milliseconds"),
    ],
)
def test_an_option_that_cannot_be_is_told_in_a_line(options, reason):
    """No traceback."""
    code, errors = stopped(start(*options))
    assert code == 2
    assert reason in errors
    assert b"Traceback" not in errors


def test_a_bad_recording_is_told_in_a_line(tmp_path):
    """With its file."""
    (tmp_path / "case.json").write_text("{}")
    code, errors = stopped(start("--replay", str(tmp_path)))
    assert code == 2
    assert b"case.json is no recording" in errors
    assert b"Traceback" not in errors


def test_the_client_needs_nothing_of_the_sandbox():
    """The package and its client import neither aiohttp nor airportsdata."""
    code = (
        "import sys, cachekit.amadeus, cachekit.amadeus.client.client, cachekit.amadeus.source\n"
        "import cachekit.amadeus.policies\n"
        "print(sorted({'aiohttp', 'airportsdata', 'jsonschema'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    assert run.stdout.strip() == "[]"
