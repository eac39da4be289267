"""Real servers that tests kill, pause, starve and bring back.

All listen on the loopback, live in temporary folders, die with this process, and are ended by pid.
What waits for a server here is sync where it starts one and async afterwards, so that the code under
test goes on meanwhile. Servers are started from the event loop's own thread: on Linux they die with the
thread that started them.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis.backoff import NoBackoff
from redis.retry import Retry

from cachekit.core.embedded import EmbeddedServer
from cachekit.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
PASSWORD = "a secret for tests"
_DEADLINE = 20.0
_BUS = 10_000
"""How far a cluster node's bus port lies above its port; a fixed rule of Redis Cluster."""


def free_port() -> int:
    """A port that is free, and so is its cluster bus port.

    Below the ephemeral range: no outgoing connection takes it while its server is dead.
    """
    for _ in range(100):
        port = random.randrange(11_000, 22_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind((LOOPBACK, port))
            other.bind((LOOPBACK, port + _BUS))
            return port
    raise RuntimeError("no free port between 11,000 and 22,000")


class Server(EmbeddedServer):
    """A server on a TCP port that it keeps when killed and restarted; its data does not survive that.

    `tls` makes the port speak TLS with that certificate; `password` is asked for.
    """

    def __init__(
        self,
        *arguments: str,
        binary: str | None = None,
        tls: "Certificate | None" = None,
        password: str | None = None,
    ) -> None:
        port = free_port()
        self.address = (LOOPBACK, port)
        self._password = password
        self._tls = tls
        self._control: redis.Redis | None = None
        self._home = tempfile.TemporaryDirectory(prefix="cachekit-server-")
        if tls is not None:
            arguments += ("--tls-port", str(port), "--tls-cert-file", tls.cert, "--tls-key-file", tls.key)
            arguments += ("--tls-auth-clients", "no")
        if password is not None:
            arguments += ("--requirepass", password)
        arguments = ("--dir", self.home, *arguments)
        super().__init__(port=0 if tls else port, binary=binary, arguments=arguments)

    @property
    def home(self) -> str:
        """The folder that stays while the server is down."""
        return self._home.name

    @property
    def url(self) -> str:
        """Where a cache connects to, credentials included."""
        credentials = f":{self._password.replace(' ', '%20')}@" if self._password else ""
        where = f"{credentials}{LOOPBACK}:{self.address[1]}"
        return f"rediss://{where}?ssl_ca_certs={self._tls.cert}" if self._tls else f"redis://{where}"

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self.pid is not None

    def call(self, *command: Any) -> Any:
        """Send one command, over a connection that is kept: it works even when no new one would."""
        if self._control is None:
            options = {"decode_responses": True, "protocol": 3, "password": self._password}
            retry = Retry(NoBackoff(), 0)
            self._control = redis.Redis(
                unix_socket_path=self.socket, socket_timeout=2, retry=retry, **options
            ).client()
        return self._control.execute_command(*command)

    def start(self) -> Self:
        """Start, or start again, on the same port."""
        super().start()
        self.call("PING")
        return self

    def stop(self) -> None:
        """End the server; `start` brings it back, empty."""
        if self._control is not None:
            self._control.connection_pool.disconnect()
            self._control.close()
            self._control = None
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)
        super().stop()

    def kill(self) -> None:
        """SIGKILL: no goodbye to anyone."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._home.cleanup()

    # Troubles: the server is in trouble inside the context, and well again after it.

    @contextmanager
    def dead(self) -> Iterator[None]:
        """Killed: connections are cut, and refused."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped by SIGSTOP: connections are accepted by the kernel and nobody answers."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """A replica, of a master that is not there: reads are served, writes refused (READONLY)."""
        self.call("REPLICAOF", LOOPBACK, 1)
        try:
            yield
        finally:
            self.call("REPLICAOF", "NO", "ONE")

    @contextmanager
    def out_of_memory(self) -> Iterator[None]:
        """Full, and nothing may be evicted: reads are served, writes refused (OOM)."""
        policy = self.call("CONFIG", "GET", "maxmemory-policy")["maxmemory-policy"]
        self.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.call("CONFIG", "SET", "maxmemory", 1)
        try:
            yield
        finally:
            self.call("CONFIG", "SET", "maxmemory", 0)
            self.call("CONFIG", "SET", "maxmemory-policy", policy)

    @contextmanager
    def crowded(self) -> Iterator[None]:
        """Over maxclients: who was connected is cut off, new connections get an error and are closed."""
        most = self.call("CONFIG", "GET", "maxclients")["maxclients"]
        self.call("CONFIG", "SET", "maxclients", 1)
        for kind in ("normal", "pubsub"):
            self.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        try:
            yield
        finally:
            self.call("CONFIG", "SET", "maxclients", most)


class Certificate:
    """A certificate for localhost that signs itself: `cert` and `key` are paths of PEM files in `folder`."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = dt.datetime.now(dt.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
        built = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.cert, self.key = str(folder / "cert.pem"), str(folder / "key.pem")
        Path(self.cert).write_bytes(built.public_bytes(pem))
        Path(self.key).write_bytes(secret)


def speaks_tls(certificate: Certificate) -> bool:
    """Whether the machine's server was built with TLS; older packages were not."""
    try:
        with Server(tls=certificate):
            return True
    except ConfigurationError:
        return False


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds`; a server that does not answer yet counts as no. Raises TimeoutError after 20 s."""
    deadline = time.monotonic() + _DEADLINE
    while not _holds(holds):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_DEADLINE:.0f} s until {what}")
        time.sleep(0.02)


async def until(holds: Callable[[], bool], what: str) -> None:
    """The same, async."""
    try:
        async with asyncio.timeout(_DEADLINE):
            while not _holds(holds):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"waited {_DEADLINE:.0f} s until {what}") from None


def _holds(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except redis.RedisError:
        return False
