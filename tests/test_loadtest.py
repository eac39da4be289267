"""The load test works: a tiny run sees no error, and its scenario speaks the protocol."""

import asyncio
import json
import re
import subprocess
import sys

import pytest
import yaml
from support.machine import missing

from cachekit.core.embedded import find_server
from chatbot.messages import INCOMING, Incoming, parse

SAMPLES = {"{{ sessionId }}": "s-1", "{{ messageId }}": "m-1", "{{ text }}": "Where to?"}


@pytest.fixture
def machine(root, node):
    """Skips where a run is not possible."""
    if sys.platform != "linux":
        missing("/proc")
    if find_server() is None:
        missing("redis-server")
    if not (root / "chatbot/web/node_modules/socket.io-client").exists():
        missing("packages of the page (make page)")
    return root


@pytest.fixture
def scenario(root):
    return yaml.safe_load((root / "loadtest/websocket-load-test.yml").read_text(encoding="utf-8"))


def steps(scenario, kind):
    return [step[kind] for each in scenario["scenarios"] for step in each["flow"] if kind in step]


async def run(root, *arguments, stdin=None):
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complaints = await process.communicate(stdin)
    return process.returncode, said.decode(), complaints.decode()


async def test_a_tiny_run_against_the_gateway_sees_no_error(machine, tmp_path):
    """Everybody gets in, is echoed and answered, and leaves nothing in Redis."""
    numbers = tmp_path / "numbers.json"
    command = (sys.executable, "-m", "loadtest", "--tiny", "--peers", "gateway", "--json", str(numbers))
    code, said, complaints = await run(machine, *command)
    assert (code, complaints) == (0, "")
    assert "this gateway" in said
    seen = json.loads(numbers.read_text())
    (one,) = seen["servers"]["gateway"]
    for phase in ("storm", "ramp", "idle"):
        assert one[phase]["connect"]["count"] == one[phase]["asked"] > 0
        assert one[phase]["errors"] == {}
    assert one["flood"]["echo"]["count"] > one["paced"]["echo"]["count"] > 0
    assert one["idle"]["closed"]
    assert one["storm"]["leaked"] == one["idle"]["leaked"] == 0
    chats = seen["chats"]["driver"]
    assert chats["errors"] == {}
    assert {step: took["count"] for step, took in chats["steps"].items()} == dict.fromkeys(
        ("connect", "start", "acknowledged", "first token", "full answer"), chats["asked"]
    )


@pytest.mark.parametrize("peer", ["stock", "plain", "bare"])
async def test_a_peer_goes_through_the_same(machine, tmp_path, peer):
    """What the gateway is compared with does what it does."""
    numbers = tmp_path / "numbers.json"
    command = (sys.executable, "-m", "loadtest", "--tiny", "--only", "servers", "--peers", peer)
    code, _said, complaints = await run(machine, *command, "--json", str(numbers))
    assert (code, complaints) == (0, "")
    (one,) = json.loads(numbers.read_text())["servers"][peer]
    assert [phase["errors"] for phase in one.values()] == [{}] * 5
    assert one["ramp"]["echo"]["count"] == one["ramp"]["asked"] > 0


@pytest.mark.parametrize("kind", [{}, {"sitters": True}], ids=["people", "sitters"])
async def test_the_clients_say_what_went_wrong(machine, node, free_port, kind):
    """Where nobody listens, every connect is an error, counted by what it says."""
    settings = {"url": f"http://127.0.0.1:{free_port}", "secret": "none", "workers": 2, "addresses": 2}
    order = {"do": "connect", "count": 3, "window": 2, **kind}
    command = (node, "loadtest/driver.mjs", json.dumps(settings))
    code, said, complaints = await run(machine, *command, stdin=json.dumps(order).encode() + b"\n")
    assert (code, complaints) == (0, "")
    seen = json.loads(said)
    assert (seen["asked"], seen["connect"]) == (3, {"count": 0})
    assert sum(seen["errors"].values()) == 3


def test_the_scenario_sends_what_the_protocol_allows(scenario):
    """Each of its events is one of ours, with a payload that we would take."""
    emits = steps(scenario, "emit")
    assert [emit["channel"] for emit in emits] == ["chat:start", "chat:message", "chat:message"]
    for emit in emits:
        payload = {name: SAMPLES[value] for name, value in emit["data"].items()}
        assert isinstance(parse(payload, INCOMING[emit["channel"]]), Incoming)


def test_the_scenario_names_functions_of_its_processor(scenario, root):
    """And the processor has no other."""
    processor = (root / "loadtest" / scenario["config"]["processor"]).read_text(encoding="utf-8")
    exported = re.search(r"module\.exports = \{([^}]*)\}", processor)[1]
    assert set(re.findall(r"\w+", exported)) == set(steps(scenario, "function"))


@pytest.mark.parametrize("package", ["nestjs", "artillery"])
def test_what_it_installs_is_pinned_and_from_no_named_registry(root, package):
    """Exact versions, a lock file with a checksum for each package, and no address in it."""
    folder = root / "loadtest" / package
    wanted = json.loads((folder / "package.json").read_text())
    lock = json.loads((folder / "package-lock.json").read_text())
    for version in {**wanted["dependencies"], **wanted.get("devDependencies", {})}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    installed = [about for name, about in lock["packages"].items() if name and not about.get("inBundle")]
    assert all(about["integrity"] for about in installed)
    assert not any("resolved" in about for about in installed)
