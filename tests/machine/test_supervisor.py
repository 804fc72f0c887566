"""Supervisors end all processes of a run when one is dead or stuck, and say why in one sentence."""

import platform
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from machine.supervised import PROGRAM, Outcome, Pair, free_port

from tissue.errors import InputError, RunStopped
from tissue.machine import contact
from tissue.machine.cluster import Place
from tissue.machine.contact import Center, Member, Refused
from tissue.machine.verdict import STUCK, Ending
from tissue.machine.watched_process import WatchedProcess

PROMISED = 40.0
"""Time within which all processes end when one is dead or stuck [s]."""

ONE = f"process 1 of 2 on {re.escape(platform.node())} "
KILLED = "step(3)\nif me: os.kill(os.getpid(), signal.SIGKILL)\n"

ENDS: dict[str, tuple[str, int, str | None]] = {
    "all finish": ("assert os.environ.get('HTTP_PROXY') is None", 0, None),
    "killed": (f"{KILLED}time.sleep(99)", 75, f"{ONE}was ended by SIGKILL after step 3"),
    "killed, the other aborts": (
        f"{KILLED}time.sleep(0.2)\nos.abort()",
        75,
        f"{ONE}was ended by SIGKILL after step 3",
    ),
    "killed, the other raises": (
        f"{KILLED}time.sleep(0.2)\nsys.exit(70)",
        75,
        f"{ONE}was ended by SIGKILL after step 3",
    ),
    "first one killed": (
        "time.sleep(99 if me else 0)\nos.kill(os.getpid(), signal.SIGKILL)",
        75,
        "process 0 of 2 on .* was ended by SIGKILL",
    ),
    "held stopped": (
        "if me: os.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(99)",
        75,
        f"{ONE}has been held stopped for 20 s",
    ),
    "stuck": (
        "agree(1 if me else 2)\ntime.sleep(99)",
        75,
        f"{ONE}is stuck: the others have waited for it for 30 s",
    ),
    "supervisor held stopped": (
        "if me: os.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(99)",
        75,
        f"{ONE}has not been heard of for 20 s",
    ),
    "supervisor killed": (
        "if me: os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(99 * (1 - me))",
        75,
        f"{ONE}is gone with its supervisor",
    ),
    "unexpected error": (
        "if me: last_words('Traceback\\nKeyError: 1', 70)\ntime.sleep(99)",
        1,
        f"{ONE}ended by an unexpected error: KeyError: 1",
    ),
    "all say the same": ("last_words('tissue: no such file', 2)", 2, None),
    "one has bad input": (
        "if me: last_words('tissue: no such file', 2)\ntime.sleep(99)",
        2,
        f"{ONE.rstrip()}: no such file",
    ),
    "one stopped in its first step": (
        "if me: last_words('tissue: stopped by SIGTERM in its first step', 75)\ntime.sleep(99)",
        75,
        f"{ONE.rstrip()}: stopped by SIGTERM in its first step",
    ),
    "the other aborts when the first has failed": (
        "time.sleep(0.3 * me)\nlast_words('tissue: no bone', 2) if not me else os.abort()",
        2,
        None,
    ),
    "first one draws its picture": ("time.sleep(0 if me else 8)", 0, None),
}
"""Programs of both processes, and the exit code and sentence of the run."""

RESUMABLE = {"is gone", "was ended", "held", "stuck", "heard"}


@pytest.fixture(scope="module")
def pairs() -> Iterator[dict[str, Pair]]:
    """All pairs at once: they wait, and do not compute."""
    started = {name: Pair("-c", PROGRAM + program) for name, (program, *_) in ENDS.items()}
    yield started
    for pair in started.values():
        for supervisor in pair.supervisors:
            supervisor.kill()
            supervisor.wait()


@pytest.mark.parametrize("name", ENDS)
def test_all_end_with_one_sentence(name: str, pairs: dict[str, Pair]) -> None:
    _, code, sentence = ENDS[name]
    pair = pairs[name]
    first = pair.wait(0, PROMISED)
    if name == "supervisor held stopped":
        pair.supervisors[1].send_signal(signal.SIGCONT)
    outcomes = [first, pair.wait(1, PROMISED)]
    if name == "supervisor killed":
        assert outcomes.pop() == -signal.SIGKILL
    ended = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    assert [outcome.code for outcome in ended] == [code] * len(outcomes)
    said = [outcome.sentence for outcome in ended if outcome.sentence]
    assert len(said) == (sentence is not None), said
    assert sentence is None or re.fullmatch(sentence, said[0])
    expected = any(word in (sentence or "") for word in RESUMABLE)
    assert ended[0].resumable == expected


def test_signals_reach_the_process_when_it_has_handlers(tmp_path: Path) -> None:
    ready, noted = tmp_path / "ready", tmp_path / "noted"
    program = f"""
open({str(ready)!r} + str(me), "w").close()
time.sleep(1.5)  # SIGUSR1 would end it
signal.signal(signal.SIGUSR1, lambda *_: open({str(noted)!r} + str(me), "w").close())
signal.signal(signal.SIGTERM, lambda *_: last_words("tissue: stopped by SIGTERM", 75))
agree(1)
while True: time.sleep(0.1)
"""
    pair = Pair("-c", PROGRAM + program)

    def send_when_all_have(path: Path, number: signal.Signals) -> None:
        deadline = time.monotonic() + PROMISED
        while not all(path.with_name(f"{path.name}{i}").exists() for i in (0, 1)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for supervisor in pair.supervisors:
            supervisor.send_signal(number)

    send_when_all_have(ready, signal.SIGUSR1)
    send_when_all_have(noted, signal.SIGTERM)
    assert [pair.wait(i, PROMISED) for i in (0, 1)] == [Outcome(75, None, False)] * 2


def test_a_signal_before_all_have_come_stops_the_run() -> None:
    place = Place("localhost", free_port(), 0, 2)

    def stopped() -> None:
        raise RunStopped("stopped by SIGTERM before it began")

    with pytest.raises(RunStopped):
        Center(place).join("a run", stopped)


def joined(places: Sequence[tuple[Place, str]]) -> list[object]:
    """Results of those that join process 0: an address and the number on a host, or the error."""

    def join(place: Place, command: str) -> object:
        try:
            supervisor = Center(place) if place.process == 0 else Member(place)
            met = supervisor.join(command, lambda: None)
        except (InputError, Refused) as error:
            return error
        supervisor.close(Ending(0))
        return met

    with ThreadPoolExecutor() as pool:
        return list(pool.map(join, *zip(*places, strict=True)))


@pytest.mark.parametrize(
    ("number", "processes", "command", "reason"),
    [
        (1, 3, "a run", "process 1 on .* was started as one of 3 processes, and process 0 as one"),
        (1, 2, "b run", "process 1 on .* with other arguments or another version"),
        (0, 2, "a run", None),
    ],
)
def test_those_that_do_not_belong_together_do_not_start(
    number: int, processes: int, command: str, reason: str | None
) -> None:
    port = free_port()
    places = [
        (Place("localhost", port, 0, 2), "a run"),
        (Place("localhost", port, number, processes), command),
    ]
    if reason is None:  # two that call themselves process 0
        places.append((Place("localhost", port, 1, 2), "a run"))
        with socket.create_server(("localhost", port)):
            results = joined(places[:1])
        assert isinstance(results[0], InputError)
        assert re.match(f"process 0 cannot listen on port {port}", f"{results[0]}")
        return
    first, other = joined(places)
    assert isinstance(first, InputError)
    assert re.match(reason, f"{first}")
    assert isinstance(other, Refused)
    assert other.code == 2


def test_a_process_that_is_started_twice_is_refused() -> None:
    port = free_port()
    places = [Place("localhost", port, i, 3) for i in (0, 1, 1)]
    first, *_ = joined([(place, "a run") for place in places])
    assert isinstance(first, InputError)
    assert re.match("process 1 was started twice", f"{first}")


def test_who_speaks_another_language_is_not_heard() -> None:
    port = free_port()
    places = [(Place("localhost", port, i, 2), "a run") for i in (0, 1)]
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: joined(places[:1]))
        strange = (
            *(b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b"1" * 70_000, b"[" * 60_000 + b"\n"),
            *(b'{"process": "x"}\n', b'{"process": Infinity}\n', b'{"process": NaN}\n'),
        )
        for words in strange:
            stranger = contact._connected(places[1][0], lambda: None)
            stranger.sendall(words)
            stranger.close()
        second = joined(places[1:])
        assert first.result() == second
    assert re.fullmatch(r"\('localhost:\d+', 2\)", f"{second[0]}")


def test_all_are_ended_at_once() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    silent, *members = (pair[1] for pair in pairs)
    with ThreadPoolExecutor() as pool:
        began = time.monotonic()
        ended = pool.submit(contact._end, [contact._Line(own) for own, _ in pairs], 75)
        for member in members:
            member.sendall(b"{}\n")
            member.settimeout(contact.SEND_LIMIT)
            assert member.recv(99) == b'{"end": 75}\n'
            assert member.recv(99) == b""
            member.close()
        assert time.monotonic() - began < 1.0  # the first one is held stopped
        silent.close()
        ended.result()


def test_each_process_learns_how_many_share_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {0: "node1", 1: "node2", 2: "node1"}
    port, number = free_port(), threading.local()
    monkeypatch.setattr(platform, "node", lambda: names[number.own])

    def join(process: int) -> tuple[str, int]:
        number.own = process
        place = Place("localhost", port, process, 3)
        member = Center(place) if process == 0 else Member(place)
        found = member.join("a run", lambda: None)
        member.close(Ending(0))
        return found

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(join, names))
    assert [on_host for _, on_host in found] == [2, 1, 2]
    assert len({address for address, _ in found}) == 1


def test_an_unreachable_coordinator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "JOIN_LIMIT", 0.6)
    for host, reason in (
        ("localhost", "Connection refused"),
        ("no.such.host.invalid", "not known"),
    ):
        place = Place(host, free_port(), 1, 2)
        with pytest.raises(InputError) as error:
            Member(place).join("a run", lambda: None)
        assert re.match(
            f"process 1 cannot reach the coordinator {host}:{place.port} .*{reason}.*--coordinator",
            f"{error.value}",
        )
    with pytest.raises(InputError, match=r"2 of 3 processes \(1, 2\) did not come to localhost"):
        Center(Place("localhost", free_port(), 0, 3)).join("a run", lambda: None)


@pytest.mark.parametrize("words", [b"SSH-2.0-OpenSSH\r\n", b'{"end": "x"}\n', b"{}\n"])
def test_what_listens_there_may_be_another_program(
    words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "JOIN_LIMIT", 0.6)
    with socket.create_server(("localhost", 0)) as other, ThreadPoolExecutor() as pool:

        def answer() -> None:
            with other.accept()[0] as connection:
                connection.sendall(words)

        pool.submit(answer)
        place = Place("localhost", int(other.getsockname()[1]), 1, 2)
        with pytest.raises(InputError, match="is not process 0 of this run"):
            Member(place).join("a run", lambda: None)


def test_a_process_says_that_it_waits() -> None:
    program = PROGRAM + "os.write(reports, b'waiting\\n')\ntime.sleep(99)"
    process = WatchedProcess([sys.executable, "-c", program], {}, ("here:1", 0, 1, 1), "here")
    try:
        while not (status := process.observe(2 * STUCK)).waiting:
            time.sleep(0.05)
        assert status.idle == 0
        time.sleep(0.1)
        status = process.observe(2 * STUCK)
        assert (status.idle, status.waiting) == (2 * STUCK, False)
    finally:
        process.end()
