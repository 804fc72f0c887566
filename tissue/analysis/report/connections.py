"""Connections of a small HTTP server that no client can block.

Time, number and memory are bounded: a request must arrive within seconds, few connections are open
at once, and an answer is shared by all its readers. One thread serves all connections, so that a
waiting one costs only a socket. Each connection carries one request.
"""

import asyncio
import math
import re
import resource
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from itertools import chain

MOST_CONNECTIONS = 24
"""Most connections open at once [1]: three browsers open 6 each, and some are left."""

SPARE_HANDLES = 8
"""File handles for other things than connections [1]: streams, the listener, files of a run."""

QUEUE = 1024
"""Connections that the system queues [1]; it may allow fewer."""

HEAD_BYTES = 2**15
"""Most bytes of a request [bytes]: twice the usual limit of browsers and servers, as it carries the
cookies of all servers of a machine."""

HEAD_SECONDS = 5.0
"""Time in which a request must arrive [s]; a browser sends it with the connection."""

PIECE_BYTES = 2**16
"""Size of the pieces of an answer [bytes]."""

PIECE_SECONDS = 20.0
"""Time in which a piece must be received [s]; 4 kB/s are enough."""

IDLE_SECONDS = 0.1
"""Time after which a connection without a request may be closed for a new one [s]: several times
that from a connection to its request, even through a tunnel."""

STALLED_SECONDS = 5.0
"""Time without a piece received after which a reader may be closed for a new connection [s]."""

CLOSE_SECONDS = 1.0
"""Time in which a client that has its answer must close [s]; closing first could lose the answer
while more of the request arrives (RFC 9112, 9.6)."""

PAUSE_SECONDS = 0.1
"""Time until a connection that could not be accepted is tried again [s]."""

MOST_CONTENTS = 4
"""Most different large answers in transfer [1]; the readers of older ones are dropped."""

_END = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP/(\d)\.\d", re.ASCII)

_ALWAYS = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address contains a secret
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Request:
    """A request without its body.

    Attributes:
        method: such as GET.
        target: path and query.
        host: name of this server in the request, with or without a port.
    """

    method: str
    target: str
    host: str


@dataclass(frozen=True)
class Answer:
    """An answer to a request.

    Attributes:
        status: its code.
        content: its bytes, which a HEAD request does not get.
        kind: media type of the content.
        headers: headers besides those of every answer.
    """

    status: HTTPStatus
    content: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: HTTPStatus, sentence: str = "", **headers: str) -> Answer:
    """Answer that says why a request is refused."""
    text = f"{status.value} {status.phrase}. {sentence or status.description}".rstrip() + "\n"
    return Answer(status, text.encode("utf-8", "backslashreplace"), headers=headers)


class _Stage(Enum):
    REQUEST = "its request is awaited"
    ANSWER = "its answer is computed"
    TRANSFER = "its answer is sent"
    CLOSE = "it has its answer"


@dataclass(eq=False)
class _Client:
    """A connection, the time of its last progress, and the content of its answer.

    No other object refers to the content, and only pieces of it are copied: the variables of a task
    may outlive it until cycles of references are collected.
    """

    connection: socket.socket
    moved: float
    stage: _Stage = _Stage.REQUEST
    content: bytes = b""
    task: asyncio.Task[None] | None = None


class _Refused(Exception):
    """A request that is malformed, too long or of an unknown protocol."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Connections:
    """Connections of a server and their limits."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        """Prepare a server whose requests a function answers."""
        self._answer = answer
        self._clients: dict[_Client, None] = {}
        handles = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        free = (
            MOST_CONNECTIONS if handles == resource.RLIM_INFINITY else handles // 2 - SPARE_HANDLES
        )
        self._most = max(2, min(MOST_CONNECTIONS, free))

    async def accept_from(self, listener: socket.socket) -> None:
        """Serve until canceled; then close all connections."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                if len(self._clients) >= self._most and not self._idle():
                    await asyncio.sleep(PAUSE_SECONDS)  # the system queues new ones
                    continue
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError:  # such as no more file handles
                    idle = self._idle()[:1]
                    await _ended(idle)
                    if not idle:
                        await asyncio.sleep(PAUSE_SECONDS)
                    continue
                client = _Client(connection, loop.time())
                self._clients[client] = None
                client.task = loop.create_task(self._serve(client))
                await asyncio.sleep(0)  # a request that arrived with the connection is read first
                if len(self._clients) > self._most:
                    await _ended(self._idle()[:1])
        finally:
            await _ended(list(self._clients))

    def _idle(self) -> list[_Client]:
        """Connections that may be closed for a new one, in order.

        They are those without a request, the oldest first; then stalled readers.
        """
        now = asyncio.get_running_loop().time()
        limits = {
            _Stage.REQUEST: IDLE_SECONDS,
            _Stage.CLOSE: IDLE_SECONDS,
            _Stage.ANSWER: math.inf,
            _Stage.TRANSFER: STALLED_SECONDS,
        }
        idle = [client for client in self._clients if now - client.moved > limits[client.stage]]
        return sorted(idle, key=lambda client: (client.stage is _Stage.TRANSFER, client.moved))

    async def _serve(self, client: _Client) -> None:
        try:
            await self._send(client, await self._answer_request(client))
            await _finish(client)
        except OSError:
            pass  # the client disconnected or is too slow
        finally:
            client.connection.close()
            client.content = b""
            self._clients.pop(client, None)

    async def _answer_request(self, client: _Client) -> bytes:
        """Answer the request: return the header lines, and store the content with the client."""
        request = None
        try:
            request = _read(await _head(client.connection))
        except TimeoutError:
            answer = refusal(HTTPStatus.REQUEST_TIMEOUT)
        except _Refused as refused:
            answer = refusal(refused.status)
        else:
            client.stage = _Stage.ANSWER
            answer = await self._answer(request)
        client.content = b"" if request and request.method == "HEAD" else answer.content
        return _header_lines(answer)

    async def _send(self, client: _Client, top: bytes) -> None:
        loop = asyncio.get_running_loop()
        # unread content stays in this process, shared by all readers, and not in system buffers
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * PIECE_BYTES)
        client.stage, client.moved = _Stage.TRANSFER, loop.time()
        del self._clients[client]
        self._clients[client] = None  # in the order in which transfers began
        await self._drop_readers_of_old(client)
        starts = range(0, len(client.content), PIECE_BYTES)
        for part in chain([top], (client.content[i : i + PIECE_BYTES] for i in starts)):
            async with asyncio.timeout(PIECE_SECONDS):
                await loop.sock_sendall(client.connection, part)
            client.moved = loop.time()
            await asyncio.sleep(0)  # other tasks run

    async def _drop_readers_of_old(self, new: _Client) -> None:
        """Drop the readers of all large answers but the newest few, which fit in memory."""
        readers = [c for c in self._clients if len(c.content) > PIECE_BYTES]
        contents = list(dict.fromkeys(id(client.content) for client in readers))
        old = set(contents[:-MOST_CONTENTS])
        await _ended([c for c in readers if id(c.content) in old and c is not new])


async def _ended(clients: list[_Client]) -> None:
    """Close connections, and return when their file handles are free."""
    tasks = [client.task for client in clients if client.task]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _head(connection: socket.socket) -> str:
    """Read a request up to its body."""
    loop = asyncio.get_running_loop()
    head, count = b"", 0
    async with asyncio.timeout(HEAD_SECONDS):
        while not (end := _END.search(head)):
            if count > HEAD_BYTES:
                raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            part = await loop.sock_recv(connection, HEAD_BYTES)
            if not part:
                raise ConnectionError
            count += len(part)
            head = (head + part).lstrip(b"\r\n")  # RFC 9112, 2.2: empty lines before it are allowed
            if head and not head[:1].isalpha():  # such as the first byte of TLS
                raise _Refused(HTTPStatus.BAD_REQUEST)
            await asyncio.sleep(0)  # other tasks run
    return head[: end.start()].decode("latin-1")


def _read(head: str) -> Request:
    first, *lines = re.split("\r?\n", head)
    match = _REQUEST.fullmatch(first)
    if not match:
        raise _Refused(HTTPStatus.BAD_REQUEST)
    method, target, version = match.groups()
    if version != "1":
        raise _Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    named = [line.partition(":") for line in lines]
    hosts = [value.strip() for name, _, value in named if name.lower() == "host"]
    if len(hosts) != 1:
        raise _Refused(HTTPStatus.BAD_REQUEST)
    return Request(method, target, hosts[0])


def _header_lines(answer: Answer) -> bytes:
    """Status and headers of an answer."""
    headers = {
        "Date": formatdate(usegmt=True),
        "Content-Type": answer.kind,
        "Content-Length": f"{len(answer.content)}",
        **_ALWAYS,
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _finish(client: _Client) -> None:
    """Let a client read its answer to the end before the connection is closed."""
    loop = asyncio.get_running_loop()
    client.stage, client.moved, client.content = _Stage.CLOSE, loop.time(), b""
    client.connection.shutdown(socket.SHUT_WR)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            while await loop.sock_recv(client.connection, PIECE_BYTES):
                await asyncio.sleep(0)  # other tasks run, and the time limit takes effect
