"""Connections that another thread can hang up.

A thread that waits for Bedrock sits in a `recv` of its socket, for the first token maybe many seconds.
Closing the stream from outside does not wake it: the reader holds the lock that closing needs. Shutting its
socket down does. botocore offers the socket to nobody, so its connection classes are extended here: each
tells the call of its thread which socket it uses.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)


class HungUpError(Exception):
    """The call was given up before its connection stood."""


class Line:
    """The socket of one call, so that the call can be ended at any moment.

    While a connection is being made it cannot be ended, only right after: the connect timeout bounds that.
    """

    def __init__(self) -> None:
        self._hung_up = False
        self._socket: socket.socket | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """What this thread sends meanwhile goes over this line."""
        _thread.line = self
        try:
            yield
        finally:
            _thread.line = None
            with _lock:
                self._socket = None

    def take(self, used: socket.socket | None) -> None:
        """The call goes on over this socket. Raises HungUpError if the call has been given up."""
        with _lock:
            if self._hung_up:
                raise HungUpError
            self._socket = used
            if used is not None:
                _owners[used] = self

    def hang_up(self) -> None:
        """End the call, from any thread and at any moment; more than once does no harm."""
        with _lock:
            self._hung_up = True
            # Once its answer was read to the end, the connection may carry somebody else's call.
            if self._socket is not None and _owners.get(self._socket) is self:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


_thread: Final = threading.local()
_lock: Final = threading.Lock()
_owners: Final[WeakKeyDictionary[socket.socket, Line]] = WeakKeyDictionary()
"""Whose call each socket carries; written by the threads that call, read by whoever hangs up."""


class _Reported:
    """Mixed into a connection: tells the line in use of its socket.

    Right after connecting, so that a call given up meanwhile is not sent; and before the wait for an
    answer, since most calls find a connection that stands already.
    """

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # the connection this is mixed into has it
        self._report()

    def getresponse(self) -> Any:
        self._report()
        return super().getresponse()  # type: ignore[misc]  # the connection this is mixed into has it

    def _report(self) -> None:
        line: Line | None = getattr(_thread, "line", None)
        if line is not None:
            line.take(self.sock)


class _Connection(_Reported, AWSHTTPConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _SecureConnection(_Reported, AWSHTTPSConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _Pool(AWSHTTPConnectionPool):  # type: ignore[misc]  # botocore has no types
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]  # botocore has no types
    ConnectionCls = _SecureConnection


def use_lines(client: Any) -> None:
    """Have a boto3 client, which has sent nothing yet, report its sockets.

    Stands on two private names of botocore; a test tells when they change.
    """
    client._endpoint.http_session._pool_classes_by_scheme.update(http=_Pool, https=_SecurePool)  # noqa: SLF001
