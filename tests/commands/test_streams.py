"""Screens and pipes that are closed, full, broken or without the letters that are printed."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from commands.conftest import TINY, Capture

import tissue
from tissue.cli import main
from tissue.commands import catalog
from tissue.commands.common import RUN_FAILED
from tissue.commands.streams import OUTPUT, Output, Screen, guarded

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="a device of Linux that is always full")


class Broken(io.StringIO):
    """A stream that cannot be written to."""

    def __init__(self, number: int = errno.EPIPE) -> None:
        super().__init__()
        self.number, self.tries = number, 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise OSError(self.number, os.strerror(self.number))


def ended(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A line of shell, in which $T is the command."""
    command = f"{sys.executable} -m tissue"
    return subprocess.run(
        ["bash", "-c", line.replace("$T", command)],
        capture_output=True,
        text=True,
        env={**os.environ, **more},
    )


def test_a_screen_fails_in_silence_and_remembers_why() -> None:
    broken = Broken()
    screen = Screen(broken)
    assert screen.failure is None
    for _ in range(2):  # it may come back
        print("hello", file=cast(Any, screen))
    assert broken.tries == 4  # the text and the end of the line, twice
    assert screen.failure == "Broken pipe"
    closed = io.StringIO()
    closed.close()
    screen = Screen(closed)
    screen.write("hello")
    assert screen.failure == "I/O operation on closed file"
    assert not screen.isatty()
    screen.settle()


def test_output_says_that_an_error_is_of_it() -> None:
    with pytest.raises(OSError, match="No space left on device") as printed:
        Output(Broken(errno.ENOSPC)).write("hello")
    assert (printed.value.errno, printed.value.filename) == (errno.ENOSPC, OUTPUT)
    with pytest.raises(BrokenPipeError):
        Output(Broken()).write("hello")


def test_a_stream_that_is_not_there_takes_everything() -> None:
    for kind in (Output, Screen):
        stream = kind(None)
        assert stream.write("hello") == 5
        stream.flush()
        stream.settle()


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", b"10 \\xb5m \\udcfc"), ("latin-1", b"10 \xb5m \\udcfc")]
)
def test_letters_that_an_encoding_lacks_are_written_out(encoding: str, shown: bytes) -> None:
    written = io.BytesIO()
    for kind in (Output, Screen):
        written.seek(0)
        stream = kind(cast(Any, io.TextIOWrapper(written, encoding=encoding)))
        stream.write("10 \N{MICRO SIGN}m \udcfc")
        stream.flush()
        assert written.getvalue() == shown
        stream.detach()


def test_the_streams_are_left_as_they_were() -> None:
    before = sys.stdout, sys.stderr

    def fail() -> None:
        with guarded():
            assert sys.stdout is not before[0]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (sys.stdout, sys.stderr) == before


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """Output of a library to file descriptor 2 would land in it."""
    code = (
        "import os, sys; from tissue.commands.streams import guarded\n"
        "with guarded():\n"
        "    file = open(sys.argv[1], 'w'); os.write(2, b'of a library')\n"
        "    file.write(str(file.fileno() > 2))"
    )
    path = tmp_path / "a"
    line = f'{sys.executable} -c "$CODE" "$FILE" <&- >&- 2>&-'
    assert ended(line, CODE=code, FILE=str(path)).returncode == 0
    assert path.read_text() == "True"


@pytest.mark.parametrize(
    ("line", "code", "printed"),
    [
        ("$T parameters mouse >&-", 0, ""),
        ("$T frob 2>&-", 2, ""),
        ("$T parameters rat >&- 2>&-", 2, ""),
        ("set -o pipefail; $T parameters rat 2>&1 | true", 2, ""),
        pytest.param("$T parameters rat 2>/dev/full", 2, "", marks=needs_full),
        pytest.param("$T --help >/dev/full", 0, "", marks=needs_full),
        pytest.param(
            "$T parameters mouse >/dev/full",
            RUN_FAILED,
            "tissue: standard output cannot be read or written (No space left on device)\n",
            marks=needs_full,
        ),
    ],
)
def test_a_process_ends_as_it_would_with_streams(line: str, code: int, printed: str) -> None:
    done = ended(line)
    assert (done.returncode, done.stderr) == (code, printed)


def test_a_small_alphabet_is_enough() -> None:
    with_letters, without = (
        ended("$T parameters mouse && $T drugs", PYTHONIOENCODING=encoding)
        for encoding in ("utf-8", "ascii")
    )
    assert (without.returncode, without.stderr) == (0, "")
    assert len(without.stdout.splitlines()) == len(with_letters.stdout.splitlines())


def test_a_run_goes_on_without_a_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = Broken(errno.EIO)  # as of a terminal that is gone
    monkeypatch.setattr(broken, "isatty", lambda: True)  # a terminal, so that there is a bar
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", broken)
        assert main(["run", str(TINY), "--out", str(tmp_path)]) == 0
    assert broken.tries > 5
    assert len(tissue.open_run(tmp_path).metrics["time_day"]) == 5
    assert (tmp_path / "summary.png").is_file()
    log = (tmp_path / "run.log").read_text()
    assert log.count("the screen cannot be written to (Input/output error)") == 1
    assert "finished: 4 steps" in log


def test_a_run_without_standard_streams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", None)
        changed.setattr(sys, "stdout", None)
        assert main(["run", str(TINY), "--out", str(tmp_path)]) == 0
    assert len(tissue.open_run(tmp_path).snapshots) == 3


def test_a_run_whose_result_cannot_be_printed_is_a_run(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture, tmp_path: Path
) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stdout", Broken(errno.ENOSPC))
        assert main(["run", str(TINY), "--out", str(tmp_path)]) == 0
    printed = capfd.readouterr().err
    assert "warning: the run is complete, but its result cannot be printed (No" in printed
    assert len(tissue.open_run(tmp_path).snapshots) == 3


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (OSError(errno.EIO, "Input/output error"), "a file or device cannot be read or written (I"),
        (OSError(errno.EMFILE, "Too many open files", "a.h5"), "a.h5 cannot be read or written (T"),
        (
            OSError("one\ntwo \x1b[2J"),
            r"a file or device cannot be read or written (one two \x1b[2J)",
        ),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "a file or device cannot be read or writ"),
    ],
)
def test_an_error_of_the_system_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture, error: OSError, printed: str
) -> None:
    assert main_that_raises(monkeypatch, error) == RUN_FAILED
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"tissue: {printed}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "error", [io.UnsupportedOperation("not readable"), RuntimeError("a bug"), AssertionError()]
)
def test_a_bug_is_not_made_a_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    with pytest.raises(type(error)):
        main_that_raises(monkeypatch, error)


def test_a_device_that_is_full_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    full = RuntimeError("RESOURCE_EXHAUSTED: out of memory")
    assert main_that_raises(monkeypatch, full) == RUN_FAILED
    assert capfd.readouterr().err.startswith("tissue: the memory is too small for this grid")


def test_a_bound_on_threads_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    bound = RuntimeError("can't start new thread")
    assert main_that_raises(monkeypatch, bound) == RUN_FAILED
    assert "tissue: the system allows this program no more threads; raise" in capfd.readouterr().err


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_device_that_is_not_there_is_one_sentence(platform: str) -> None:
    done = ended("$T doctor >/dev/null", JAX_PLATFORMS=platform)
    assert done.returncode == RUN_FAILED
    assert done.stderr.startswith(f"tissue: JAX_PLATFORMS = '{platform}' selects a device on which")
    assert done.stderr.endswith("; unset it, or set it to cpu\n")
    assert done.stderr.count("\n") == 1


def main_that_raises(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(catalog, "_list", fail)
    return main(["list"])
