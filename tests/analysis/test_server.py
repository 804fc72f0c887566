"""The watcher answers its user and nobody else.

Answers are read by sockets, not by a library that would hide mistakes in them.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from analysis.made import made
from analysis.watching import BIG, Watcher, half_requests, reader_that_stalls, watched

from tissue.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("watched") / "run", edge=16)


@pytest.fixture(scope="module")
def watcher(folder: Path) -> Iterator[Watcher]:
    """A watcher that several tests share."""
    with watched(folder) as watcher:
        yield watcher


# ---- who may read ----


def test_the_page_is_at_the_printed_address_alone(watcher: Watcher) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{22}/", watcher.address)
    reply = watcher.ask()
    assert reply.status == 200
    assert reply.content.startswith(b"<!doctype html>")
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    for name, value in {
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Connection": "close",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "text/html; charset=utf-8",
    }.items():
        assert reply.headers[name] == value
    assert not {"Access-Control-Allow-Origin", "Set-Cookie", "Server"} & set(reply.headers)
    assert watcher.path.strip("/").encode() not in reply.content


def test_the_page_finds_its_state_beside_itself(watcher: Watcher) -> None:
    script = watcher.ask().content.decode()
    (name,) = re.findall(r'fetch\("(.*?)"\)', script)
    reply = watcher.ask(urlsplit(urljoin(watcher.address, name)).path)
    assert reply.status == 200
    assert f'"live": "{reply.content.decode()}"' in script
    bare = watcher.ask(watcher.path.rstrip("/"))  # the state would not be beside this one
    assert (bare.status, bare.headers["Location"]) == (308, watcher.path)


def test_every_watcher_has_another_secret(watcher: Watcher, folder: Path) -> None:
    with watched(folder) as other:
        assert other.path != watcher.path
        assert watcher.ask(other.path).status == 403


@pytest.mark.parametrize("name", ["", "state", "run.toml"])
@pytest.mark.parametrize("wrong", ["none", "empty", "short", "long", "changed", "not ASCII"])
def test_nothing_is_read_without_the_secret(watcher: Watcher, wrong: str, name: str) -> None:
    token = watcher.path.strip("/")
    path = {
        "none": "/",
        "empty": "//",
        "short": f"/{token[:-1]}/",
        "long": f"/{token}x/",
        "changed": f"/{token[:-1]}{'a' if token[-1] != 'a' else 'b'}/",
        "not ASCII": f"/{token[:-1]}\N{LATIN SMALL LETTER E WITH ACUTE}/",
    }[wrong]
    reply = watcher.say(f"GET {path}{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
    assert reply.status == 403
    assert len(reply.content) < 200
    assert token.encode() not in reply.content


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),  # without a port: it is 80
        ("127.0.0.1", 200),
        ("localhost:80", 200),
        ("127.0.0.1:9000", 200),  # of a tunnel
        ("LocalHost:8765", 200),
        ("elsewhere.example", 403),
        ("elsewhere.example:8765", 403),
        ("localhost.elsewhere.example", 403),
        ("127.0.0.1.elsewhere.example:80", 403),
        ("elsewhere.example@localhost", 403),
        ("localhost:80:80", 403),
        ("", 403),
    ],
)
def test_a_page_elsewhere_cannot_lead_here(watcher: Watcher, host: str, status: int) -> None:
    assert watcher.ask(watcher.path + "state", host=host).status == status


@pytest.mark.parametrize(
    ("method", "status"),
    [
        *(("GET", 200), ("HEAD", 200), ("POST", 405), ("PUT", 405), ("DELETE", 405)),
        *(("PATCH", 405), ("OPTIONS", 405), ("TRACE", 405), ("CONNECT", 405), ("get", 405)),
    ],
)
def test_the_page_is_only_read(watcher: Watcher, method: str, status: int) -> None:
    body = b"x" * 100_000 if method in ("POST", "PUT", "PATCH") else b""
    top = f"{method} {watcher.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    reply = watcher.say(top.encode() + b"\r\n\r\n" + body)
    assert reply.status == status
    assert reply.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)
    if method == "HEAD":
        assert reply.content == b""
        assert int(reply.headers["Content-Length"]) == len(watcher.ask().content)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GET PATH\r\n\r\n", 400),  # HTTP/0.9
        (b"GET PATH HTTP/1.1\r\n\r\n", 400),  # no host
        (b"GET PATH HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere\r\n\r\n", 400),
        (b"GET PATH HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),  # TLS
        (b"GET PATH HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * 70_000, 431),
        (b"\r\nGET PATHstate HTTP/1.0\nhost:localhost\n\n", 200),  # lenient, as RFC 9112 asks
        (b"GET PATHstate HTTP/1.1\r\nHost: localhost\r\n\r\nGET PATH HTTP/1.1\r\n\r\n", 200),
    ],
)
def test_odd_requests_have_their_answers(watcher: Watcher, words: bytes, status: int) -> None:
    start = time.monotonic()
    assert watcher.say(words.replace(b"PATH", watcher.path.encode())).status == status
    assert time.monotonic() - start < 8


@pytest.mark.parametrize("secret", [True, False])
@pytest.mark.parametrize(
    "path",
    [
        *("run.toml", "snap_000000.hdf", "metrics.csv", "run.log", "page.js", "secrets.txt"),
        *("../run.toml", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/etc/passwd"),
        *("..\\..\\etc\\passwd", "/etc/passwd", "//etc/passwd", "file:///etc/passwd"),
        *("state/../run.toml", "state%00.html", "./state", "state?x=../run.toml"),
    ],
)
def test_no_file_is_read_by_its_path(watcher: Watcher, path: str, secret: bool) -> None:
    reply = watcher.ask((watcher.path if secret else "/") + path)
    assert reply.status == (404 if secret else 403)
    assert len(reply.content) < 200


# ---- what is made ----

COUNT = """
import time
def slow(*_, live):
    print("made", flush=True)
    time.sleep(0.3)
    return "x" * 300_000 + live
server.page = slow
"""


def test_a_page_is_made_once_for_all_that_ask(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", edge=16)
    with watched(folder, COUNT) as watcher, ThreadPoolExecutor(20) as pool:

        def all_ask() -> set[bytes]:
            replies = [reply.result() for reply in [pool.submit(watcher.ask) for _ in range(20)]]
            assert {reply.status for reply in replies} == {200}
            return {reply.content for reply in replies}

        first = all_ask()
        assert watcher.ask(method="HEAD").status == 200
        with (folder / "metrics.csv").open("a") as table:
            table.write("\n")  # tables grow at each step
        assert all_ask() == first
        newest = sorted(folder.glob("snap_*.hdf"))[-1]
        newest.unlink()
        second = all_ask()
        newest = sorted(folder.glob("snap_*.hdf"))[-1]
        os.utime(newest, (1, 1))  # another of the same name
        third = all_ask()
        assert [len(first), len(second), len(third)] == [1, 1, 1]
        assert len(first | second | third) == 3
        code, said = watcher.end()
        assert (code, said.count("made")) == (0, 3)


def test_a_grown_table_is_shown_after_a_while(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", edge=16)
    with watched(folder, "server.FRESH_SECONDS = 0") as watcher:
        before = watcher.ask().content
        assert watcher.ask().content == before
        metrics = folder / "metrics.csv"
        last = metrics.read_text().splitlines()[-1]
        metrics.write_text(metrics.read_text() + last.replace("14,", "15.125,", 1) + "\n")
        assert b"15.125" in watcher.ask().content
        assert b"15.125" not in before


def test_a_page_that_cannot_be_made_is_asked_for_again(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", edge=16)
    with watched(folder) as watcher:
        for snapshot in folder.glob("snap_*.hdf"):
            snapshot.rename(snapshot.with_suffix(".gone"))
        reply = watcher.ask()
        assert (reply.status, reply.headers["Refresh"]) == (503, "5")
        assert b"has no snapshots" in reply.content
        for snapshot in folder.glob("snap_*.gone"):
            snapshot.rename(snapshot.with_suffix(".hdf"))
        assert watcher.ask().status == 200
        assert watcher.end() == (0, "")


def test_a_bug_is_logged_and_ends_nothing(folder: Path) -> None:
    with watched(folder, "server.page = lambda *_, live: 1 / 0") as watcher:
        assert watcher.ask().status == 500
        assert watcher.ask(watcher.path + "state").status == 200
        code, said = watcher.end()
        assert code == 0
        assert said.count("ZeroDivisionError") == 1


# ---- how it ends ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(folder: Path, number: int) -> None:
    with watched(folder, BIG) as watcher, ExitStack() as many:
        half_requests(watcher, many, 3)
        reader_that_stalls(watcher, many)
        assert watcher.ask().status == 200
        assert watcher.end(number) == (0, "")


def test_a_page_that_is_being_made_is_waited_for_once(folder: Path) -> None:
    started = folder.with_name("being made")
    slow = (
        "import pathlib, time; server.page = lambda *_, live: "
        f"pathlib.Path({str(started)!r}).touch() or time.sleep(%g) or ''"
    )

    def ask_and_wait(watcher: Watcher, many: ExitStack) -> None:
        started.unlink(missing_ok=True)
        reader_that_stalls(watcher, many)
        until = time.monotonic() + 20
        while not started.exists():
            assert time.monotonic() < until
            time.sleep(0.01)

    with watched(folder, slow % 0.6) as watcher, ExitStack() as many:
        ask_and_wait(watcher, many)
        assert watcher.end() == (0, "")
    with watched(folder, slow % 60) as watcher, ExitStack() as many:
        ask_and_wait(watcher, many)
        watcher.send(signal.SIGINT)
        time.sleep(0.3)
        assert watcher.alive()
        assert watcher.end()[0] == -signal.SIGINT


def test_a_taken_port_is_refused(
    watcher: Watcher, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(folder), "--port", f"{watcher.port}"]) == 2
    sentence = f"tissue: --port {watcher.port} cannot be used (Address already in use); choose"
    assert capsys.readouterr().err.startswith(sentence)


def test_the_command_prints_the_address_and_ends_with_0(folder: Path) -> None:
    command = [sys.executable, "-m", "tissue", "watch", str(folder), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert re.fullmatch(r"http://127.0.0.1:\d+/[\w-]{22}/ shows the run; Ctrl-C stops\n", line)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
        assert process.wait(10) == 0
