"""A Redis Cluster of three primaries and three replicas, made by hand: no redis-cli is needed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from support.servers import LOOPBACK, Server, until, wait_until

SHARDS = 3
SLOTS = 16_384


class Cluster:
    """Three shards of two servers each; which of the two is the primary changes with `fail_over`."""

    def __init__(self, *, node_timeout: int = 1_000) -> None:
        """`node_timeout` is Redis' cluster-node-timeout, in milliseconds."""
        arguments = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout))
        arguments += ("--cluster-announce-ip", LOOPBACK, "--cluster-replica-validity-factor", "0")
        # A replica counts as available once its offset has moved: with the first ping of its primary.
        arguments += ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        self.shards = [(Server(*arguments), Server(*arguments)) for _ in range(SHARDS)]
        self.nodes = [node for shard in self.shards for node in shard]
        self._ids: dict[Server, str] = {}
        self._moved: dict[int, int] = {}
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """One node is enough to find the others."""
        return f"redis+cluster://{LOOPBACK}:{self.nodes[0].address[1]}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def primary(self, shard: int) -> Server:
        """The server of the shard that takes its writes."""
        return next(node for node in self.shards[shard] if node.up and node.call("ROLE")[0] == "master")

    def shard_of(self, slot: int) -> int:
        """The shard that a slot belongs to when no test has moved it."""
        return slot * SHARDS // SLOTS

    async def fail_over(self, shard: int) -> Server:
        """Kill the shard's primary, wait until its replica has taken over everywhere; the new primary."""
        old = self.primary(shard)
        new = next(node for node in self.shards[shard] if node is not old)
        await until(self._ready, "the replica is in step")
        old.kill()
        await until(lambda: new.call("ROLE")[0] == "master", "the replica took over")
        await until(self._agreed, "every node knows")
        return new

    @contextmanager
    def moving(self, slot: int, to: int) -> Iterator[None]:
        """A slot on its way to shard `to`, its keys already there: clients are sent there by ASK.

        After the context it has arrived, and they are sent by MOVED.
        """
        owner = self._moved.get(slot, self.shard_of(slot))
        source, target = self.primary(owner), self.primary(to)
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", self._ids[source])
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", self._ids[target])
        while keys := source.call("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.call("MIGRATE", *target.address, "", 0, 2_000, "KEYS", *keys)
        yield
        # The target first: nobody may find the slot without an owner.
        for node in (target, source, *(node for node in self.nodes if node.up)):
            if node.call("ROLE")[0] == "master":
                node.call("CLUSTER", "SETSLOT", slot, "NODE", self._ids[target])
        self._moved[slot] = to

    def move_slot(self, slot: int, to: int) -> None:
        """Move a slot and its keys to shard `to`."""
        with self.moving(slot, to):
            pass

    async def heal(self) -> None:
        """Restart who is dead, bring moved slots home, wait until all agree."""
        for node in self.nodes:
            if not node.up:
                node.start()
        await until(self._ready, "the cluster is well")
        for slot, shard in list(self._moved.items()):
            if shard != self.shard_of(slot):
                self.move_slot(slot, self.shard_of(slot))
        self._moved.clear()

    def flush(self) -> None:
        """Empty every primary."""
        for shard in range(SHARDS):
            self.primary(shard).call("FLUSHALL")

    def _join(self) -> None:
        self._ids = {node: node.call("CLUSTER", "MYID") for node in self.nodes}
        for shard, (primary, _) in enumerate(self.shards):
            slots = [slot for slot in range(SLOTS) if self.shard_of(slot) == shard]
            primary.call("CLUSTER", "ADDSLOTS", *slots)
        for epoch, node in enumerate(self.nodes, start=1):
            node.call("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        # Each meets each: gossip alone would take ten seconds.
        for node in self.nodes:
            for other in self.nodes:
                if other is not node:
                    node.call("CLUSTER", "MEET", *other.address)
        wait_until(self._acquainted, "the nodes know one another")
        for primary, replica in self.shards:
            replica.call("CLUSTER", "REPLICATE", self._ids[primary])
        wait_until(self._ready, "the cluster is well")

    def _acquainted(self) -> bool:
        return all(
            "cluster_known_nodes:6" in _info(node) and "handshake" not in _nodes(node) for node in self.nodes
        )

    def _agreed(self) -> bool:
        """Every node that is up says that all is well, and all name the same primaries."""
        up = [node for node in self.nodes if node.up]
        views = {str([shard[2][1:3] for shard in sorted(node.call("CLUSTER", "SLOTS"))]) for node in up}
        return len(views) == 1 and all("cluster_state:ok" in _info(node) for node in up)

    def _ready(self) -> bool:
        """All agree, and each shard has its replica, in step."""
        replicas = [node for node in self.nodes if node.up and node.call("ROLE")[0] in {"slave", "replica"}]
        listed = [
            len(shard) == 2 + 2 for node in self.nodes if node.up for shard in node.call("CLUSTER", "SLOTS")
        ]
        linked = [node.call("ROLE")[3] == "connected" for node in replicas]
        return len(linked) == SHARDS and all(linked) and all(listed) and self._agreed()


def _info(node: Server) -> str:
    return str(node.call("CLUSTER", "INFO"))


def _nodes(node: Server) -> str:
    return str(node.call("CLUSTER", "NODES"))
