"""Connections of a small HTTP server that no client can hold up.

Time, number and memory are bounded: a request must come within seconds, few connections are open
at once, and an answer is shared by all that read it. One thread serves them all, so that one that
waits costs a socket and nothing more. Each connection carries one request.
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

MOST = 24
"""Connections open at once: a browser opens 6 to one server, so three of them and some to spare."""

SPARE_HANDLES = 8
"""File handles for what is no connection: streams, the listener, files that a page is made from."""

QUEUE = 1024
"""Connections that the system keeps while none can be taken; it may allow fewer."""

HEAD_BYTES = 2**15
"""Length of a request [bytes]: twice what browsers and servers allow by custom, as the cookies of
all servers of a machine come with it."""

HEAD_SECONDS = 5.0
"""Time in which a request must come [s]; a browser sends it with the connection."""

PIECE_BYTES = 2**16
"""Part of an answer that is sent at once [bytes]."""

PIECE_SECONDS = 20.0
"""Time in which a piece must be taken [s]; a line of 4 kB/s manages."""

STAY_SECONDS = 0.1
"""Time after which a connection without a request gives way to a new one [s]: several times what
a request takes to follow its connection, through a tunnel too."""

STALLED_SECONDS = 5.0
"""Time without a piece taken after which a reader gives way to a new connection [s]."""

LEAVE_SECONDS = 1.0
"""Time in which a client that has its answer must close [s]; closing first could lose the answer
where more of the request is still to come (RFC 9112, 9.6)."""

PAUSE_SECONDS = 0.1
"""Time until a connection that could not be taken is tried again [s]."""

MOST_CONTENTS = 4
"""Different large answers that are sent at once; the readers of older ones are dropped."""

_END = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP/(\d)\.\d", re.ASCII)

_ALWAYS = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds a secret
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Request:
    """A request without its body.

    Attributes:
        method: such as GET.
        target: path and query.
        host: what the client calls this server, with or without a port.
    """

    method: str
    target: str
    host: str


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: its code.
        content: its bytes; left out where HEAD asks.
        kind: media type of the content.
        headers: others than those of every answer.
    """

    status: HTTPStatus
    content: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: HTTPStatus, sentence: str = "", **headers: str) -> Answer:
    """An answer that says why there is no other."""
    text = f"{status.value} {status.phrase}. {sentence or status.description}".rstrip() + "\n"
    return Answer(status, text.encode("utf-8", "backslashreplace"), headers=headers)


class _Stage(Enum):
    ASKS = "its request is to come"
    WAITS = "its answer is being made"
    READS = "its answer is being sent"
    LEAVES = "it has its answer"


@dataclass(eq=False)
class _Client:
    """A connection, its place in the order of leaving, and what it still holds of its answer.

    Only here is that held, and only pieces of it are copied: what else a task knows may outlive it,
    until cycles of references are collected.
    """

    connection: socket.socket
    moved: float
    stage: _Stage = _Stage.ASKS
    content: bytes = b""
    task: asyncio.Task[None] | None = None


class _Refused(Exception):
    """A request that cannot be read."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Connections:
    """Connections of a server and the limits they are held to."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        """Takes what answers a request."""
        self._answer = answer
        self._clients: dict[_Client, None] = {}
        handles = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        free = MOST if handles == resource.RLIM_INFINITY else handles // 2 - SPARE_HANDLES
        self._most = max(2, min(MOST, free))

    async def accept_from(self, listener: socket.socket) -> None:
        """Serves until cancelled; ends all connections then."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                if len(self._clients) >= self._most and not self._idle():
                    await asyncio.sleep(PAUSE_SECONDS)  # the system keeps those that come
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
                await asyncio.sleep(0)  # a request that came with the connection is read first
                if len(self._clients) > self._most:
                    await _ended(self._idle()[:1])
        finally:
            await _ended(list(self._clients))

    def _idle(self) -> list[_Client]:
        """The connections that give way to a new one, those with least right to stay first.

        They are those without a request, the oldest first; then readers that do not read.
        """
        now = asyncio.get_running_loop().time()
        stay = {
            _Stage.ASKS: STAY_SECONDS,
            _Stage.LEAVES: STAY_SECONDS,
            _Stage.WAITS: math.inf,
            _Stage.READS: STALLED_SECONDS,
        }
        idle = [client for client in self._clients if now - client.moved > stay[client.stage]]
        return sorted(idle, key=lambda client: (client.stage is _Stage.READS, client.moved))

    async def _serve(self, client: _Client) -> None:
        try:
            await self._send(client, await self._top_of_answer(client))
            await _leave(client)
        except OSError:
            pass  # the client is gone or too slow
        finally:
            client.connection.close()
            client.content = b""
            self._clients.pop(client, None)

    async def _top_of_answer(self, client: _Client) -> bytes:
        """The lines above the content, which the client then holds."""
        request = None
        try:
            request = _read(await _head(client.connection))
        except TimeoutError:
            answer = refusal(HTTPStatus.REQUEST_TIMEOUT)
        except _Refused as refused:
            answer = refusal(refused.status)
        else:
            client.stage = _Stage.WAITS
            answer = await self._answer(request)
        client.content = b"" if request and request.method == "HEAD" else answer.content
        return _top(answer)

    async def _send(self, client: _Client, top: bytes) -> None:
        loop = asyncio.get_running_loop()
        # what is not taken stays in our memory, which all readers share, and not in the system's
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * PIECE_BYTES)
        client.stage, client.moved = _Stage.READS, loop.time()
        del self._clients[client]
        self._clients[client] = None  # in the order in which answers began
        await self._drop_readers_of_old(client)
        starts = range(0, len(client.content), PIECE_BYTES)
        for part in chain([top], (client.content[i : i + PIECE_BYTES] for i in starts)):
            async with asyncio.timeout(PIECE_SECONDS):
                await loop.sock_sendall(client.connection, part)
            client.moved = loop.time()
            await asyncio.sleep(0)  # others have their turn

    async def _drop_readers_of_old(self, new: _Client) -> None:
        """Drops the readers of all large answers but the newest few, which memory has room for."""
        readers = [c for c in self._clients if len(c.content) > PIECE_BYTES]
        contents = list(dict.fromkeys(id(client.content) for client in readers))
        old = set(contents[:-MOST_CONTENTS])
        await _ended([c for c in readers if id(c.content) in old and c is not new])


async def _ended(clients: list[_Client]) -> None:
    """Ends connections, and returns when their file handles are free again."""
    tasks = [client.task for client in clients if client.task]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _head(connection: socket.socket) -> str:
    """All of a request up to its body."""
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
            head = (head + part).lstrip(b"\r\n")  # RFC 9112, 2.2: empty lines before are no error
            if head and not head[:1].isalpha():  # such as the first byte of TLS
                raise _Refused(HTTPStatus.BAD_REQUEST)
            await asyncio.sleep(0)  # others have their turn
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


def _top(answer: Answer) -> bytes:
    """The lines above the content of an answer."""
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


async def _leave(client: _Client) -> None:
    """Lets a client read its answer to the end before the connection is closed."""
    loop = asyncio.get_running_loop()
    client.stage, client.moved, client.content = _Stage.LEAVES, loop.time(), b""
    client.connection.shutdown(socket.SHUT_WR)
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            while await loop.sock_recv(client.connection, PIECE_BYTES):
                await asyncio.sleep(0)  # others have their turn, and the time limit has effect
