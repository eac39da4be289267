"""The heartbeat of this process, and what it tells about Redis and about the other instances."""

from collections.abc import Callable

from cachekit.errors import CacheUnavailable
from cachekit.socket_auth.repository import SocketAuthRepository


class Pulse:
    """Beats, and reaps those that have ceased to. `lapsed` is called when Redis may have lost sockets."""

    def __init__(self, repository: SocketAuthRepository, *, lapsed: Callable[[], None]) -> None:
        self._repository = repository
        self._monotonic = repository.clock.monotonic
        self._lapsed = lapsed
        self._steady_since: float | None = None
        """Since when no beat has been missed; None if the last one was."""
        self._suspects: frozenset[str] = frozenset()
        self.last_beat: float | None = None
        """When Redis last took a beat, by the clock's `monotonic`."""

    @property
    def alive(self) -> bool:
        """Whether the others take this instance to be alive."""
        return self.last_beat is not None and self._monotonic() - self.last_beat < self._repository.heartbeat

    async def beat(self) -> None:
        """Beat once. Raises CacheUnavailable while Redis is away."""
        try:
            unbroken = await self._repository.beat()
        except CacheUnavailable:
            self._steady_since = None
            raise
        self.last_beat = self._monotonic()
        if not unbroken:
            self._steady_since = self.last_beat
            self._lapsed()

    async def reap(self) -> int:
        """Remove the sockets of those that were found without a heartbeat twice in a row; how many.

        Of nobody unless our own beat was never missed for a whole `heartbeat`: when Redis has been away, the
        heartbeats of all have ended, and everybody needs time to beat again.
        """
        since, suspects = self._steady_since, self._suspects
        self._suspects = frozenset()
        if since is None or self._monotonic() - since < self._repository.heartbeat:
            return 0
        self._suspects = await self._repository.find_crashed()
        return await self._repository.reap(self._suspects & suspects)
