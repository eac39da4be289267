"""From a URL, or the environment, to what makes connections. Nothing is sent before the first command.

| URL                                           | what it means                                          |
|-----------------------------------------------|--------------------------------------------------------|
| `redis://[user:password@]host:port/0`         | a server over TCP                                      |
| `rediss://…`                                  | the same over TLS                                      |
| `unix:///path/to/socket?db=0`                 | a server on this machine                               |
| `redis+cluster://host:port,host:port`         | a cluster, by some of its nodes                        |
| `rediss+cluster://…`                          | the same over TLS                                      |
| `redis+sentinel://host:port,host:port/name/0` | the master that Sentinels know as `name`               |
| `embedded://`                                 | a private real server for this process, see `embedded` |
| `memory://`                                   | fakeredis in this process: for unit tests              |

Options follow a `?`, by the names redis-py gives them: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`,
`ssl_cert_reqs`, `ssl_check_hostname`, `protocol=2` …; and `sentinel_username`, `sentinel_password`.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from cachekit.core.handover import abrupt, require_handover
from cachekit.errors import ConfigurationError

_SERVERS: Final = ("redis", "rediss", "unix")
_CLUSTERS: Final = ("redis+cluster", "rediss+cluster")
_SENTINEL: Final = "redis+sentinel"
_SENTINEL_PORT: Final = 26379
SCHEMES: Final = (*_SERVERS, *_CLUSTERS, _SENTINEL, "embedded", "memory")
_SCHEME: Final = re.compile(r"[a-z+]+://")
_UNKNOWN_OPTION: Final = re.compile(r"unexpected keyword argument ('\w+')")
"""What Python says of an option in a URL's query that redis-py's connection does not take."""
_DATABASE: Final = re.compile(r"(?:/\d{0,5})?")
_MASTER: Final = re.compile(r"/(?P<name>[^/?]+)(?P<database>/\d{0,5})?(?:\?(?P<query>.*))?")


def url_from_environment(environment: Mapping[str, str]) -> str:
    """The URL that the environment describes.

    `REDIS_URL` if it is set; else `REDIS_HOST` (default localhost), `REDIS_PORT` (6379) and
    `REDIS_PASSWORD` (none). Raises ConfigurationError for a port that is no number.
    """
    url = environment.get("REDIS_URL", "").strip()
    if url:
        return url
    host = environment.get("REDIS_HOST", "").strip() or "localhost"
    port = environment.get("REDIS_PORT", "").strip() or "6379"
    if not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004
        raise ConfigurationError(f"REDIS_PORT={port!r}: a port number from 1 to 65535 is allowed")
    password = environment.get("REDIS_PASSWORD", "")
    credentials = f":{quote(password, safe='')}@" if password else ""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"redis://{credentials}{host}:{port}"


def redact(url: str) -> str:
    """The URL without its user, password and options, for logs and errors, however badly it is written."""
    credentials, at, where = url.rpartition("@")
    scheme = _SCHEME.match(credentials if at else "")
    return re.split(r"[?#]", (scheme[0] if scheme else "") + where)[0]


class Dialer:
    """Makes connections of one kind: redis-py's, connected and past their handshake."""

    def __init__(self, url: str, *, app: str, timeout: float) -> None:
        """`url` is a server's; `app` is how `CLIENT LIST` shows us; to connect may take `timeout` seconds.

        Raises ConfigurationError for an option that redis-py does not know.
        """
        try:
            options: dict[str, Any] = {
                "protocol": 3,
                "client_name": app,
                "socket_connect_timeout": timeout,
                # The link's timer ends a command; one more for each read would cost as much as the read.
                "socket_timeout": None,
                **parse_url(url),
            }
            if "decode_responses" in options:
                raise ValueError("values are bytes here, decode_responses is not for us")  # noqa: TRY301
            self._class = abrupt(options.pop("connection_class", Connection))
            # Made, never connected: options that a connection does not know show only here.
            require_handover(self._class(**options))
        except (ValueError, TypeError, RedisError) as error:
            unknown = _UNKNOWN_OPTION.search(str(error))
            reason = f"there is no option {unknown[1]}" if unknown else error
            raise ConfigurationError(f"{redact(url)!r} is no Redis URL: {reason}") from None
        self._options = options

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of the URL."""
        return self._options.get("host", "localhost"), self._options.get("port", 6379)

    async def __call__(self, address: tuple[str, int] | None = None) -> AbstractConnection:
        """A new connection to the URL's server, or to another `address` by the URL's options.

        Raises redis-py's errors, OSError and TimeoutError; leaves nothing open then.
        """
        where = {} if address is None else {"host": address[0], "port": address[1]}
        try:
            return await _connected(self._class(**{**self._options, **where}))
        except RedisError as error:
            if self._options["protocol"] == 2 or not _is_unknown_command(error):  # noqa: PLR2004
                raise
        # A server older than 6.0, or a proxy, does not know HELLO: there is no push, all else works.
        self._options["protocol"] = 2
        return await _connected(self._class(**{**self._options, **where}))


class MasterDialer:
    """Makes connections to the server that the Sentinels call the master, asked anew each time.

    One connection is open at a time: to a Sentinel, and when that is closed to the master. So it needs no
    more room in a budget than the connection it makes.

    Procedure: https://redis.io/docs/latest/develop/reference/sentinel-clients/
    """

    def __init__(
        self,
        dialer: Dialer,
        asker: Dialer,
        sentinels: Sequence[tuple[str, int]],
        name: str,
        *,
        patience: float,
    ) -> None:
        """`dialer` is for the master, `asker` for Sentinels; each of those may take `patience` seconds."""
        self._dialer = dialer
        self._asker = asker
        self._sentinels = tuple(sentinels)
        self._name = name
        self._patience = patience

    async def __call__(self) -> AbstractConnection:
        """As a Dialer; a server that says itself that it is no master is an error."""
        connection = await self._dialer(await self._master())
        try:
            await connection.send_command("ROLE")
            role = await connection.read_response()
        except ResponseError:
            return connection  # Our user may not ask: then READONLY will tell.
        except BaseException:
            await connection.disconnect()
            raise
        if role[0] != b"master":
            await connection.disconnect()
            raise RedisConnectionError("the Sentinels name a server that is no master")
        return connection

    async def _master(self) -> tuple[str, int]:
        """What the first Sentinel says that knows the name; it is the first to be asked the next time."""
        failure: Exception = RedisConnectionError("no Sentinel could be reached")
        for sentinel in self._sentinels:
            try:
                async with asyncio.timeout(self._patience):
                    found = await self._ask(sentinel)
            except (RedisError, OSError) as error:
                if not isinstance(failure, MasterNotFoundError):
                    failure = error
            else:
                if found is not None:
                    others = [other for other in self._sentinels if other != sentinel]
                    self._sentinels = (sentinel, *others)
                    return found[0].decode(), int(found[1])
                failure = MasterNotFoundError("the Sentinels know no master of that name")
        raise failure

    async def _ask(self, sentinel: tuple[str, int]) -> Any:
        connection = await self._asker(sentinel)
        try:
            await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
            return await connection.read_response()
        finally:
            await connection.disconnect()


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL means. `kind` is "server", "cluster", "sentinel", "embedded" or "memory".

    `dial` makes a connection, except for the last two; `seeds` are the addresses a cluster is found by.
    """

    kind: str
    dial: Dialer | MasterDialer | None = None
    seeds: tuple[tuple[str, int], ...] = ()


def parse(url: str, *, app: str, timeout: float) -> Target:
    """What `url` means; see the module's table. `timeout`, in seconds, is for each attempt to connect.

    Raises ConfigurationError: the scheme or the parts are not understood.
    """
    scheme, credentials, hosts, tail = _split(url)
    if scheme in {"memory", "embedded"}:
        return Target(scheme)
    if scheme in _SERVERS:
        return Target("server", Dialer(url, app=app, timeout=timeout))
    if scheme in _CLUSTERS:
        if tail.partition("?")[0] not in {"", "/", "/0"}:
            raise ConfigurationError(f"{redact(url)!r}: a cluster has no database but 0")
        plain = scheme.partition("+")[0]
        dialers = [Dialer(f"{plain}://{credentials}{host}{tail}", app=app, timeout=timeout) for host in hosts]
        return Target("cluster", dialers[0], tuple(dialer.address for dialer in dialers))
    if scheme == _SENTINEL:
        return Target("sentinel", _master(url, credentials, hosts, tail, app=app, timeout=timeout))
    allowed = ", ".join(f"{name}://" for name in SCHEMES)
    raise ConfigurationError(f"{redact(url)!r}: the scheme {scheme!r} is not known; allowed are {allowed}")


def _split(url: str) -> tuple[str, str, list[str], str]:
    """Scheme, `user:password@`, hosts and the rest; refuses what redis-py would let pass in silence."""
    try:
        parts = urlsplit(url)
        credentials, at, places = parts.netloc.rpartition("@")
        many = parts.scheme in {*_CLUSTERS, _SENTINEL}
        hosts = places.split(",") if many else [places]
        for host in hosts:
            found = urlsplit(f"//{host}")
            if found.port == 0 or (many and not found.hostname):
                raise ValueError  # noqa: TRY301
    except ValueError:
        # The error's own text may show a part of the password.
        raise ConfigurationError(
            f"{redact(url)!r} has no host and port that can be read; "
            "in a password, / ? # @ are written %2F %3F %23 %40"
        ) from None
    if parts.scheme in {"redis", "rediss"} and not _DATABASE.fullmatch(parts.path):
        raise ConfigurationError(f"{redact(url)!r}: only a database number may follow the host, e.g. /0")
    query = f"?{parts.query}" if parts.query else ""
    return parts.scheme, credentials + at, hosts, parts.path + query


def _master(
    url: str, credentials: str, hosts: list[str], tail: str, *, app: str, timeout: float
) -> MasterDialer:
    matched = _MASTER.fullmatch(tail)
    if matched is None:
        raise ConfigurationError(
            f"{redact(url)!r}: the master's name follows the Sentinels, and maybe a database, /mymaster/0"
        )
    options = parse_qsl(matched["query"] or "")
    own = {name.removeprefix("sentinel_"): value for name, value in options if name.startswith("sentinel_")}
    if not own.keys() <= {"username", "password"}:
        raise ConfigurationError(
            f"{redact(url)!r}: of the Sentinels, sentinel_username and sentinel_password may be given"
        )
    query = urlencode([(name, value) for name, value in options if not name.startswith("sentinel_")])
    # One Sentinel that does not answer must leave time to ask the next.
    patience = timeout / (len(hosts) + 1)
    user, password = (quote(own.get(part, ""), safe="") for part in ("username", "password"))
    asking = f"{user}:{password}@" if password else ""
    addresses = [urlsplit(f"//{host}") for host in hosts]
    return MasterDialer(
        Dialer(f"redis://{credentials}master{matched['database'] or ''}?{query}", app=app, timeout=timeout),
        Dialer(f"redis://{asking}sentinel?protocol=2", app=app, timeout=patience),
        [(address.hostname or "", address.port or _SENTINEL_PORT) for address in addresses],
        unquote(matched["name"]),
        patience=patience,
    )


async def _connected(connection: AbstractConnection) -> AbstractConnection:
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await connection.disconnect()
        raise
    return connection


def _is_unknown_command(error: BaseException) -> bool:
    # Over a Unix socket redis-py hides it under a plain ConnectionError.
    return any("unknown command" in str(each) for each in (error, error.__cause__))
