"""The page of a run in progress, served to this machine alone."""

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tissue.analysis.report.page import Row, page
from tissue.errors import InputError
from tissue.storage.snapshot import list_snapshots

LOOPBACK = "127.0.0.1"


def serve(
    folders: Sequence[Path],
    port: int,
    parameters: Sequence[Sequence[Row]],
    ready: Callable[[str], None],
) -> None:
    """Serves the page until Ctrl-C, made anew whenever there is a new snapshot.

    Two addresses are answered, `/` and `/state`; nothing else can be read.

    Args:
        folders: of the runs.
        port: of this machine; 0 for any that is free.
        parameters: see `write_report`.
        ready: told the address once it is served.

    Raises:
        InputError: the port is taken.
    """
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), _handler(folders, parameters))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise InputError(
            f"--port {port} cannot be used ({error.strerror}); choose another, or 0 for any"
        ) from None
    with server:
        ready(f"http://{LOOPBACK}:{server.server_address[1]}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _handler(
    folders: Sequence[Path], parameters: Sequence[Sequence[Row]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):  # the browser has gone
                super().handle()

        def do_GET(self) -> None:  # the name that the library calls
            if self.headers.get("Host", "").rpartition(":")[0] not in (LOOPBACK, "localhost"):
                self.send_error(HTTPStatus.FORBIDDEN)  # a page elsewhere that names us otherwise
            elif self.path == "/":
                now = state(folders)  # asked for first: what comes meanwhile is news
                try:
                    text = page(folders, parameters, live=now)
                except InputError as error:  # such as a run that is being replaced
                    self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, explain=str(error))
                else:
                    self._answer(text, "text/html; charset=utf-8")
            elif self.path == "/state":
                self._answer(state(folders), "text/plain; charset=utf-8")
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _answer(self, text: str, kind: str) -> None:
            content = text.encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing of each request."""

    return Handler


def state(folders: Sequence[Path]) -> str:
    """A text that changes when there is something new to show."""
    return " ".join(path.name for folder in folders for path in list_snapshots(folder))
