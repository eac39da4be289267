"""A master, its replicas, and the Sentinels that watch them."""

import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from support.servers import LOOPBACK, Server, until, wait_until

MASTER = "mymaster"
PATIENT = 60_000
"""Milliseconds of silence after which a Sentinel holds a server for dead: longer than any test lasts, since
on a busy machine a server may be silent for a second, and a failover that no test has asked for breaks it."""
QUICK = 500
"""The same, while a test has killed the master."""


class Sentinel(Server):
    """One Sentinel: a redis-server with a configuration file of its own, which it rewrites."""

    def __init__(self) -> None:
        super().__init__("--sentinel")
        self.identity = secrets.token_hex(20)
        binary, config = Path(self.home, "sentinel"), Path(self.home, "sentinel.conf")
        # The file must come first on the command line, before what EmbeddedServer puts there.
        binary.write_text(f'#!/bin/sh\nexec "{self.binary}" "{config}" "$@"\n')
        binary.chmod(0o700)
        self.binary, self._config = str(binary), config

    def watch(self, master: Server, replicas: list[Server], others: list["Sentinel"]) -> None:
        """Write down what it would find out by itself, within some seconds."""
        lines = [
            f"sentinel myid {self.identity}",
            f"sentinel monitor {MASTER} {LOOPBACK} {master.address[1]} 2",
            f"sentinel down-after-milliseconds {MASTER} {PATIENT}",
            f"sentinel failover-timeout {MASTER} 2000",
            *(f"sentinel known-replica {MASTER} {LOOPBACK} {replica.address[1]}" for replica in replicas),
            *(
                f"sentinel known-sentinel {MASTER} {LOOPBACK} {each.address[1]} {each.identity}"
                for each in others
            ),
        ]
        self._config.write_text("\n".join(lines) + "\n")


class Sentinels:
    """One master, two replicas, three Sentinels; which server is the master changes with `fail_over`."""

    def __init__(self) -> None:
        self.servers = [Server("--repl-diskless-sync-delay", "0") for _ in range(3)]
        self.sentinels = [Sentinel() for _ in range(3)]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """All Sentinels, and the name of the master they watch."""
        hosts = ",".join(f"{LOOPBACK}:{sentinel.address[1]}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}"

    def __enter__(self) -> Self:
        master, *replicas = self.servers
        with ExitStack() as stack:
            for server in self.servers:
                stack.enter_context(server)
            for replica in replicas:
                replica.call("REPLICAOF", *master.address)
            for sentinel in self.sentinels:
                sentinel.watch(master, replicas, [each for each in self.sentinels if each is not sentinel])
                stack.enter_context(sentinel)
            wait_until(self._ready, "the Sentinels are ready to fail over")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def master(self) -> Server:
        """The server that takes writes, as the Sentinels say."""
        port = self._named(self.sentinels[0])
        return next(server for server in self.servers if server.address[1] == port)

    async def fail_over(self) -> Server:
        """Kill the master, wait until another one is named by all Sentinels; the new master."""
        await until(self._ready, "the Sentinels are ready to fail over")
        old = self.master
        old.kill()
        self._wait_for_silence(QUICK)
        try:
            await until(lambda: self._agreed(other_than=old), "the Sentinels named another master")
        finally:
            self._wait_for_silence(PATIENT)
        return self.master

    async def heal(self) -> None:
        """Restart who is dead, as replicas, and wait until all is well."""
        master = self.master
        for server in self.servers:
            if not server.up:
                server.start()
                server.call("REPLICAOF", *master.address)
        await until(self._ready, "the Sentinels are ready to fail over")

    def flush(self) -> None:
        """Empty the master."""
        self.master.call("FLUSHALL")

    def _wait_for_silence(self, milliseconds: int) -> None:
        for sentinel in self.sentinels:
            sentinel.call("SENTINEL", "SET", MASTER, "down-after-milliseconds", milliseconds)

    def _named(self, sentinel: Sentinel) -> int:
        return int(sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])

    def _agreed(self, *, other_than: Server | None = None) -> bool:
        """All Sentinels name one master, it is one, and every other server that is up follows it."""
        ports = {self._named(sentinel) for sentinel in self.sentinels}
        up = [server for server in self.servers if server.up and server is not other_than]
        roles = {server.address[1]: server.call("ROLE") for server in up}
        masters = {port for port, role in roles.items() if role[0] == "master"}
        followed = {role[2] for role in roles.values() if role[0] != "master" and role[3] == "connected"}
        return ports == masters == (followed or ports) and len(ports) == 1

    def _ready(self) -> bool:
        """All agree, all servers are up and followed, and the Sentinels could vote."""
        voting = [
            str(sentinel.call("SENTINEL", "CKQUORUM", MASTER)).startswith("OK 3")
            for sentinel in self.sentinels
        ]
        following = [len(server.call("ROLE")[2]) for server in self.servers if server is self.master]
        return all(voting) and following == [len(self.servers) - 1] and self._agreed()
