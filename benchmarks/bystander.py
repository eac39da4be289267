"""A client that asks for one key again and again: `python -m benchmarks.bystander PORT`.

`start` on stdin begins a window; `stop` ends it, and is answered by one line of JSON, in milliseconds.
"""

import json
import socket
import sys
import threading
import time

INTERVAL_SECONDS = 0.0005
_GET = b"*2\r\n$3\r\nGET\r\n$9\r\nbystander\r\n"
_PER_MILLE = 1000


def main(port: int) -> None:
    """Serve until stdin ends."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while sys.stdin.readline():
            stop = threading.Event()
            latencies: list[float] = []
            window = threading.Thread(target=_look_on, args=(connection, stop, latencies))
            window.start()
            print("{}", flush=True)
            sys.stdin.readline()
            stop.set()
            window.join()
            latencies.sort()
            p999 = latencies[-1 - len(latencies) // _PER_MILLE]
            print(json.dumps({"p999": p999 * 1e3, "worst": latencies[-1] * 1e3}), flush=True)


def _look_on(connection: socket.socket, stop: threading.Event, latencies: list[float]) -> None:
    due = time.perf_counter()
    while not stop.is_set():
        due += INTERVAL_SECONDS
        early = due - time.perf_counter()
        if early > 0:
            time.sleep(early)
            # What the machine slept too long is not the server's doing.
            due = time.perf_counter()
        connection.sendall(_GET)
        connection.recv(64)
        latencies.append(time.perf_counter() - due)


if __name__ == "__main__":
    main(int(sys.argv[1]))
