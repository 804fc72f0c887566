"""Server of the page of a run in progress, for one user of this machine."""

import asyncio
import errno
import hashlib
import logging
import os
import re
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from tissue.analysis.report.connections import QUEUE, Answer, Connections, Request, refusal
from tissue.analysis.report.page import Row, page
from tissue.errors import InputError
from tissue.storage.snapshot import list_snapshots

log = logging.getLogger(__name__)

ENDS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end the server."""

LOOPBACK = "127.0.0.1"

HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]*)?", re.IGNORECASE)
"""Names of this server; a page elsewhere could resolve its own name to this address.

The port is that of a tunnel, or absent where it is 80.
"""

TABLES = ("metrics.csv", "ledger.csv", "morphometry.csv", "run.log", "run.toml")
"""Files of a run, besides its snapshots, that a page shows."""

FRESH_SECONDS = 10.0
"""Age up to which a page is sent again although tables have grown, as at each step [s]."""

RETRY_SECONDS = 5
"""Time after which a browser requests a page again that could not be made [s]."""


def serve(
    folders: Sequence[Path],
    port: int,
    parameters: Sequence[Sequence[Row]],
    ready: Callable[[str], None],
) -> None:
    """Serve the page until Ctrl-C or SIGTERM, renewed whenever there is a new snapshot.

    Two addresses are answered, that of the page and `state` below it; nothing else can be read.
    They contain a secret, since every user of this machine can reach the port. Call it in the main
    thread. A page in preparation is finished first; a second signal does not wait for it.

    Args:
        folders: folders of the runs.
        port: port of this machine; 0 for any free one.
        parameters: see `write_report`.
        ready: called with the address once it is served.

    Raises:
        InputError: the port is taken.
    """
    try:
        listener = socket.create_server((LOOPBACK, port), backlog=QUEUE)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        reason = os.strerror(error.errno)
        raise InputError(
            f"--port {port} cannot be used ({reason}); choose another, or 0 for any"
        ) from None
    before = [(each, signal.getsignal(each)) for each in ENDS]
    with listener:
        listener.setblocking(False)
        watch = _Watch(folders, parameters)
        address = f"http://{LOOPBACK}:{listener.getsockname()[1]}/{watch.token}/"
        try:
            asyncio.run(
                _serve_until_signal(Connections(watch.answer), listener, lambda: ready(address))
            )
        finally:
            for each, handler in before:
                signal.signal(each, handler)


async def _serve_until_signal(
    connections: Connections, listener: socket.socket, ready: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    serving = loop.create_task(connections.accept_from(listener))
    for each in ENDS:
        loop.add_signal_handler(each, serving.cancel)
    ready()
    with suppress(asyncio.CancelledError):
        await serving
    for each in ENDS:
        loop.remove_signal_handler(each)
        signal.signal(each, signal.SIG_DFL)  # a second signal does not wait for a page


@dataclass(frozen=True)
class _Made:
    """A page, and the state of the files that it shows."""

    content: bytes
    state: str
    tables: str
    time: float


_NOTHING = _Made(b"", "", "", 0.0)


class _Watch:
    """Page of some runs, kept while there is nothing new."""

    def __init__(self, folders: Sequence[Path], parameters: Sequence[Sequence[Row]]) -> None:
        # in the path, as a cookie would also be sent to servers of others at other ports
        self.token = secrets.token_urlsafe(16)
        self._folders = folders
        self._parameters = parameters
        self._made = _NOTHING
        self._one = asyncio.Lock()

    async def answer(self, request: Request) -> Answer:
        """Answer a request."""
        token, slash, name = request.target.removeprefix("/").partition("/")
        if not HOST.fullmatch(request.host):
            return refusal(HTTPStatus.FORBIDDEN, "This server has another name.")
        if not secrets.compare_digest(token.encode("latin-1"), self.token.encode()):
            return refusal(HTTPStatus.FORBIDDEN, "The address is the one that was printed.")
        if request.method not in ("GET", "HEAD"):
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, HEAD")
        if not slash:  # relative addresses in the page would not be found
            return refusal(HTTPStatus.PERMANENT_REDIRECT, Location=f"/{self.token}/")
        try:
            if name == "":
                return await self._page()
            if name == "state":
                now = await asyncio.to_thread(state, self._folders)
                return Answer(HTTPStatus.OK, now.encode())
        except (InputError, OSError, MemoryError) as error:  # such as a run that is being replaced
            sentence = f"{error}".rstrip(".") + "." if f"{error}" else "The memory is too small."
            wait = f"{RETRY_SECONDS}"
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, sentence, Refresh=wait)
        except Exception:
            log.exception("the page cannot be made")
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        return refusal(HTTPStatus.NOT_FOUND)

    async def _page(self) -> Answer:
        async with self._one:  # a request meanwhile gets the same page
            await asyncio.to_thread(self._renew)
            return Answer(HTTPStatus.OK, self._made.content, "text/html; charset=utf-8")

    def _renew(self) -> None:
        """Renew the page if there is something new; returns nothing, as threads keep results."""
        now, tables = state(self._folders), _signature(_tables(self._folders))
        made = self._made
        fresh = made.tables == tables or time.monotonic() - made.time < FRESH_SECONDS
        if made.state == now and fresh:
            return
        self._made = made = _NOTHING  # two pages would need twice the memory
        # the state was read first, so that changes since then count as new
        content = page(self._folders, self._parameters, live=now).encode()
        self._made = _Made(content, now, tables, time.monotonic())


def state(folders: Sequence[Path]) -> str:
    """Short text that changes when there is a new snapshot."""
    return _signature(path for folder in folders for path in list_snapshots(folder))


def _tables(folders: Sequence[Path]) -> Iterator[Path]:
    return (folder / name for folder in folders for name in TABLES)


def _signature(paths: Iterator[Path]) -> str:
    """Hash of the names, sizes and times of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(bytes(path) + b"\0")
        with suppress(FileNotFoundError):  # not there yet, or removed meanwhile
            found = path.stat()
            total.update(f"{found.st_ino} {found.st_size} {found.st_mtime_ns}\0".encode())
    return total.hexdigest()[:32]
