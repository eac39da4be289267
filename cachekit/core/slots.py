"""Which node of a cluster owns which slot, and which slot a command belongs to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.crc import key_slot

Address = tuple[str, int]

_SCRIPTS: Final = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})


@dataclass(frozen=True, slots=True)
class SlotMap:
    """What CLUSTER SLOTS says. `ranges`: first slot, last slot, primary; `nodes`: replicas, too."""

    ranges: tuple[tuple[int, int, Address], ...] = ()
    nodes: tuple[Address, ...] = ()

    @property
    def primaries(self) -> tuple[Address, ...]:
        """Every node that owns slots, in the order of their first slots."""
        return tuple(dict.fromkeys(address for _, _, address in self.ranges))

    def owner(self, slot: int) -> Address | None:
        """The primary of a slot; None if it has none."""
        for first, last, address in self.ranges:
            if first <= slot <= last:
                return address
        return None


def read_slots(reply: Iterable[Sequence[Any]], *, asked: Address) -> SlotMap:
    """The map in a reply to CLUSTER SLOTS. A node without a host is one at the host that was `asked`.

    https://redis.io/docs/latest/commands/cluster-slots/
    """
    ranges, nodes = [], {}
    for first, last, *servers in reply:
        addresses = [_address(server, asked) for server in servers]
        ranges.append((int(first), int(last), addresses[0]))
        nodes.update(dict.fromkeys(addresses))
    return SlotMap(tuple(sorted(ranges)), tuple(nodes))


def _address(server: Sequence[Any], asked: Address) -> Address:
    host, port = server[0], server[1]
    # An empty or null host, or "?", means: the address you have asked me at.
    known = host.decode() if host else ""
    return (known if known not in {"", "?"} else asked[0]), int(port)


def slot_of(command: Sequence[str | bytes | int | float]) -> int | None:
    """The slot of a command's key: the first word after its name, of a script the first after the count.

    None if the command is too short to have a key. A command whose key stands elsewhere (XREAD, OBJECT) goes
    to some node, which redirects it; one that has none is served by any.
    """
    at = 3 if str(command[0]).upper() in _SCRIPTS else 1
    if len(command) <= at:
        return None
    key = command[at]
    return key_slot(key if isinstance(key, bytes) else str(key).encode())
