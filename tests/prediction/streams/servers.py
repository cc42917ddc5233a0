"""A server of streams on this machine, that does with each connection what a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"


@dataclass(frozen=True)
class Served:
    """What one connection gets. seconds: over which the content is spread. holds: whether the connection stays open then."""

    content: bytes
    head: bytes = OK
    seconds: float = 0.0
    holds: bool = False


@contextlib.contextmanager
def serving(connections: Sequence[Served]) -> Iterator[str]:
    """host:port of a server that answers the first connection with the first of these, and so on; the last over and over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_accept, args=(server, connections, over), daemon=True)
        thread.start()
        host, port = server.getsockname()
        yield f"{host}:{port}"
        over.set()
    thread.join(5)


def _accept(server: socket.socket, connections: Sequence[Served], over: threading.Event) -> None:
    server.settimeout(0.1)
    number = 0
    while not over.is_set():
        with contextlib.suppress(TimeoutError, OSError):
            client, _ = server.accept()
            answer = connections[min(number, len(connections) - 1)]
            number += 1
            threading.Thread(target=_answer, args=(client, answer, over), daemon=True).start()


def _answer(client: socket.socket, served: Served, over: threading.Event) -> None:
    with client, contextlib.suppress(OSError):
        client.recv(1 << 16)
        client.sendall(served.head)
        parts = 100 if served.seconds else 1
        size = -(-len(served.content) // parts) or 1
        began = time.monotonic()
        for number in range(parts):
            if over.wait(max(0.0, began + served.seconds * number / parts - time.monotonic())):
                return
            client.sendall(served.content[number * size : (number + 1) * size])
        if served.holds:
            over.wait()
