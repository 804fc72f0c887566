"""Watchers in processes of their own, and clients that send arbitrary bytes."""

import multiprocessing
import os
import re
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from tissue.analysis.report import connections, server

MEGABYTE = 2**20
CLOCK = os.sysconf("SC_CLK_TCK")

PAGE_KB = 8192
BIG = f"server.page = lambda *_, live: live + 'x' * {1024 * PAGE_KB}"
"""A page as long as that of a run of 100^3 voxels."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__, "jinja2"])  # each starts at once then


class Reply:
    """An answer, read to its end."""

    def __init__(self, client: socket.socket) -> None:
        parts = []
        while part := client.recv(MEGABYTE):
            parts.append(part)
        top, _, self.content = b"".join(parts).partition(b"\r\n\r\n")
        first, *lines = top.decode("ascii").split("\r\n")
        self.status = int(first.split()[1]) if first else 0
        self.headers = dict(line.split(": ", 1) for line in lines)


class Watcher:
    """A watcher in a process of its own.

    Attributes:
        address: of the page.
        path: the part of it after the port.
    """

    def __init__(self, folder: Path, change: str, handles: int, screen: Path) -> None:
        own_end, other_end = PROCESSES.Pipe()
        self._screen = screen
        self._process = PROCESSES.Process(
            target=_serve, args=(folder, change, handles, screen, other_end), daemon=True
        )
        self._process.start()
        other_end.close()
        self.address = own_end.recv()
        own_end.close()
        self.path = urlsplit(self.address).path
        self.port = urlsplit(self.address).port or 0

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=8)

    def ask(self, path: str = "", method: str = "GET", host: str = "localhost") -> Reply:
        return self.say(f"{method} {path or self.path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    def say(self, words: bytes) -> Reply:
        with self.connect() as client:
            client.sendall(words)
            return Reply(client)

    def status_row(self, what: str) -> int:
        """A row of the status of the process: a count, or a size [kB]."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(rf"{what}:\s+(\d+)", text)[0])

    def busy(self) -> float:
        """Processor time so far [s]."""
        columns = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(columns[11]) + int(columns[12])) / CLOCK

    def handles(self) -> int:
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def send(self, number: int) -> None:
        os.kill(self._process.pid or 0, number)

    def alive(self) -> bool:
        return self._process.is_alive()

    def end(self, number: int = signal.SIGINT) -> tuple[int | None, str]:
        """Exit code, and what was said on the screen."""
        self.send(number)
        self._process.join(10)
        return self._process.exitcode, self._screen.read_text()

    def close(self) -> None:
        self._process.kill()
        self._process.join()


@contextmanager
def watched(folder: Path, change: str = "", handles: int = 1024) -> Iterator[Watcher]:
    """A watcher of a run.

    Args:
        folder: of the run.
        change: Python code that is run before, to which `connections` and `server` are known.
        handles: number of file handles that the process may have.
    """
    watcher = Watcher(folder, change, handles, folder.with_name("screen"))
    try:
        yield watcher
    finally:
        watcher.close()


def half_requests(watcher: Watcher, many: ExitStack, count: int) -> list[socket.socket]:
    """Connections that have each sent half of a request."""
    clients = [many.enter_context(watcher.connect()) for _ in range(count)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: loc")
    return clients


def reader_that_stalls(watcher: Watcher, many: ExitStack) -> socket.socket:
    """A connection that has asked for the page and reads nothing of it."""
    client = many.enter_context(socket.socket())
    client.settimeout(8)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # for small system buffers
    client.connect(("127.0.0.1", watcher.port))
    client.sendall(f"GET {watcher.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def _serve(folder: Path, change: str, handles: int, screen: Path, line: Connection) -> None:
    number = os.open(screen, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(number, standard)
    os.close(number)
    exec(change, {"connections": connections, "server": server})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (handles, hard))
    server.serve([folder], 0, [[]], line.send)
