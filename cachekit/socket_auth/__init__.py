"""Who is connected: a socket's user and chat session, in Redis, shared by all instances of a service.

A socket's own key is the contract with services in other languages, and the truth; it lives for an hour,
renewed by activity. The indexes are hints that save a walk over the key space: whatever they name is looked
up before it is believed, and what turns out to be gone is struck off. `names` lists the keys.

Reading order: `record`, `names`, `scripts`, `batches`, `server_time` and `hints` are what is written;
`changes`, `removal`, `instances` and `census` are what happens to it; `repository` has the verbs.
`SocketKeeper` does all of it for a process that holds sockets: `held`, `departures`, `pulse`, `upkeep`
and `keeper`.
"""

from cachekit.socket_auth.keeper import SocketKeeper
from cachekit.socket_auth.record import SocketAuth
from cachekit.socket_auth.repository import DEFAULT_HEARTBEAT, DEFAULT_TTL, SocketAuthRepository

__all__ = ["DEFAULT_HEARTBEAT", "DEFAULT_TTL", "SocketAuth", "SocketAuthRepository", "SocketKeeper"]
