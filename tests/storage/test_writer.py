"""Writer: all jobs are done at the end, in order, and few of them are in memory at a time."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tissue.storage.writer import Job, Writer

NAME = "tissue-writer"
PATIENCE = 30.0  # seconds: longer than any machine needs


def alive() -> bool:
    """Whether a writer's thread still runs."""
    return any(thread.name == NAME for thread in threading.enumerate())


def job(write: Callable[[int], object], number: int) -> Callable[[], Job]:
    """Function that makes the job of writing a number."""
    return lambda: lambda: write(number)


def test_everything_is_written_in_order_elsewhere() -> None:
    written: list[tuple[int, int]] = []

    def write(number: int) -> None:
        written.append((number, threading.get_ident()))

    with Writer() as writer:
        for number in range(10):
            writer.put(job(write, number))
    assert [number for number, _ in written] == list(range(10))
    assert {thread for _, thread in written} != {threading.get_ident()}
    assert not alive()


def test_waiting_ends_when_everything_is_written() -> None:
    written: list[int] = []

    def slow(number: int) -> None:
        time.sleep(0.05)
        written.append(number)

    with Writer() as writer:
        for number in range(4):
            writer.put(job(slow, number))
        writer.wait()
        assert written == [0, 1, 2, 3]
        writer.put(job(slow, 4))
    assert written == [0, 1, 2, 3, 4]


def test_waiting_raises_the_error_of_a_job() -> None:
    writer = Writer()
    writer.put(job(failing("broken"), 0))
    with pytest.raises(OSError, match="broken"):
        writer.wait()
    writer.close()


def test_a_slow_disk_stalls_and_does_not_fill_the_memory() -> None:
    room = threading.Semaphore(0)
    made: list[int] = []
    written: list[int] = []
    most = 0

    def slow(number: int) -> None:
        assert room.acquire(timeout=PATIENCE)
        written.append(number)

    def make() -> Job:
        nonlocal most
        number = len(made)
        made.append(number)
        most = max(most, len(made) - len(written))
        return lambda: slow(number)

    def hand_over() -> None:
        for _ in range(6):
            writer.put(make)

    with Writer() as writer:
        caller = threading.Thread(target=hand_over)
        caller.start()
        for done in range(6):
            wait_until(lambda done=done: len(made) == min(done + 2, 6))  # type: ignore[misc]
            time.sleep(0.01)  # long enough to make one too many
            assert len(made) == min(done + 2, 6)
            room.release()
        caller.join(PATIENCE)
    assert written == list(range(6))
    assert most <= 3  # one written, one waiting, one whose writing has just ended


def test_handing_over_does_not_wait_for_the_disk() -> None:
    hold = threading.Event()
    with Writer() as writer:
        writer.put(job(lambda _: hold.wait(PATIENCE), 1))
        writer.put(job(lambda _: hold.wait(PATIENCE), 2))
        hold.set()


def test_an_error_is_raised_here_and_nothing_is_written_after_it() -> None:
    tried: list[int] = []

    def full(number: int) -> None:
        tried.append(number)
        if number == 2:
            raise OSError(28, "No space left on device")

    def hand_over_all() -> None:
        with Writer() as writer:
            for number in range(1, 100):
                writer.put(job(full, number))

    with pytest.raises(OSError, match="No space"):
        hand_over_all()
    assert tried == [1, 2]
    assert not alive()


def test_an_error_in_the_last_job_is_raised_at_the_end() -> None:
    with pytest.raises(OSError, match="broken"), Writer() as writer:
        writer.put(job(failing("broken"), 1))


def test_an_error_is_seen_without_handing_over() -> None:
    def wait() -> None:
        with Writer() as writer:
            writer.put(job(failing("broken"), 1))
            for _ in range(int(PATIENCE / 0.01)):
                time.sleep(0.01)
                writer.check()

    with pytest.raises(OSError, match="broken"):
        wait()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_what_was_handed_over_is_written_however_the_block_ends(kind: type[BaseException]) -> None:
    hold = threading.Event()
    written: list[int] = []

    def slow(number: int) -> None:
        assert hold.wait(PATIENCE)
        written.append(number)

    def interrupted() -> None:
        with Writer() as writer:
            writer.put(job(slow, 1))
            writer.put(job(slow, 2))
            hold.set()
            raise kind

    with pytest.raises(kind):
        interrupted()
    assert written == [1, 2]
    assert not alive()


def test_an_interruption_while_waiting_for_room_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[int] = []

    def interrupted() -> None:
        with Writer() as writer:
            writer.put(job(written.append, 1))
            monkeypatch.setattr(writer, "_free", Interrupting())
            writer.put(job(written.append, 2))

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert written == [1, 2]


class Interrupting:
    """Semaphore that is interrupted by Ctrl-C."""

    def acquire(self) -> None:
        raise KeyboardInterrupt

    def release(self) -> None:
        pass


def test_an_error_of_the_block_is_not_hidden_by_one_of_the_writer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)  # the command line may not

    def both() -> None:
        with Writer() as writer:
            writer.put(job(failing("broken"), 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both()
    assert "broken" in caplog.text


def failing(message: str) -> Callable[[int], Any]:
    def fail(_: int) -> None:
        raise OSError(message)

    return fail


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.001)):
        if holds():
            return
        time.sleep(0.001)
    raise AssertionError("waited in vain")
