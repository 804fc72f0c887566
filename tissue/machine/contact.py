"""Contact between the supervisors of a run over TCP, that of process 0 in the middle."""

import json
import platform
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from tissue.errors import InputError, RunStopped, printable
from tissue.machine.cluster import Place
from tissue.machine.verdict import INTERRUPTED_RUN, SILENCE, Ending, Verdict
from tissue.machine.watched_process import Status

TICK = 0.5
"""Time between two reports [s]."""

JOIN_LIMIT = 60.0
"""Time for all processes to come [s] (assumption): they start together, but a busy file system
may read the program slowly."""

SEND_LIMIT = 5.0
"""Time to send a short message [s] (assumption)."""

LONGEST_MESSAGE = 2**16
"""Bytes of a message [1]; another program may send more."""


class _Lost(Exception):
    """The other end of a connection is gone, or speaks another language."""


class _Line:
    """Connection that carries one JSON object a line."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(SEND_LIMIT)
        self.connection = connection
        self._unread = b""

    def fileno(self) -> int:
        """Number of its descriptor."""
        return self.connection.fileno()

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message; one that cannot be sent is noticed by the silence that follows."""
        with suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]]:
        """Messages that have come."""
        try:
            part = self.connection.recv(2**16)
            self._unread += part
            *lines, self._unread = self._unread.split(b"\n")
            messages = [json.loads(line) for line in lines]
        except (OSError, ValueError, RecursionError) as error:  # the last: of a thousand brackets
            raise _Lost from error
        if not part or len(self._unread) > LONGEST_MESSAGE:
            raise _Lost
        if not all(isinstance(message, dict) for message in messages):
            raise _Lost
        return messages

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()


def _end(lines: Iterable[_Line], code: int) -> None:
    """Ends all others with an exit code, at once: no one waits for another one to answer."""
    unanswered = list(lines)
    for line in unanswered:
        line.connection.setblocking(False)
        line.send({"end": code})
        with suppress(OSError):
            line.connection.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + SEND_LIMIT
    # closed with something unread, a connection would lose the message; the other end closes it
    while unanswered and time.monotonic() < deadline:
        for line in _ready(unanswered, deadline - time.monotonic()):
            with suppress(OSError):
                if line.connection.recv(LONGEST_MESSAGE):
                    continue
            line.close()
            unanswered.remove(line)
    for line in unanswered:
        line.close()


def _ready(lines: Sequence[Any], seconds: float) -> list[Any]:
    """Connections from which something can be read, after waiting for at most `seconds`."""
    with suppress(InterruptedError):
        return select.select(lines, [], [], max(0.0, seconds))[0]
    return []


class Contact(Protocol):
    """Contact of a supervisor with the others."""

    def join(self, command: str, stopped: Callable[[], None]) -> tuple[str, int]:
        """Waits for all; returns the address of JAX's coordinator and how many are on this host."""
        ...

    def exchange(self, status: Status, seconds: float) -> Ending | None:
        """Reports on the own process; returns the end of all, once it is decided."""
        ...

    def close(self, ending: Ending) -> None:
        """Ends the contact."""
        ...


class Center:
    """Contact of the supervisor of process 0, which hears from all others and decides."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lines: dict[int, _Line] = {}
        self._statuses: dict[int, Status] = {}
        self._verdict = Verdict()
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        try:
            self._listening = socket.create_server(
                ("", place.port), family=family, dualstack_ipv6=family == socket.AF_INET6
            )
        except OSError as error:
            raise InputError(
                f"process 0 cannot listen on port {place.port} of {platform.node()} "
                f"({error.strerror or error}), perhaps because another run does; choose another "
                "one with --coordinator HOST:PORT"
            ) from None

    def join(self, command: str, stopped: Callable[[], None]) -> tuple[str, int]:
        """Waits for all; returns the address of JAX's coordinator, and how many are on this host.

        Raises:
            InputError: one does not come, or was started with another command.
        """
        place, unknown = self._place, list[_Line]()
        deadline = time.monotonic() + JOIN_LIMIT
        try:
            while len(self._lines) < place.processes - 1:
                stopped()
                if time.monotonic() > deadline:
                    raise InputError(self._missing())
                for ready in _ready([self._listening, *unknown], TICK):
                    if ready is self._listening:
                        with suppress(OSError):
                            unknown.append(_Line(self._listening.accept()[0]))
                        continue
                    try:
                        for hello in ready.receive()[:1]:
                            self._admit(ready, hello, command)
                            unknown.remove(ready)
                    except _Lost:
                        unknown.remove(ready)
                        ready.close()
        except (InputError, RunStopped) as error:
            code = INTERRUPTED_RUN if isinstance(error, RunStopped) else 2
            _end((*self._lines.values(), *unknown), code)
            self._listening.close()
            raise
        self._listening.close()
        address = f"[{place.host}]" if ":" in place.host else place.host
        address += f":{_free_port()}"
        own = platform.node()
        beside = Counter([own, *(self._statuses[number].host for number in self._lines)])
        for number, line in self._lines.items():
            line.send({"start": address, "on_host": beside[self._statuses[number].host]})
        return address, beside[own]

    def _missing(self) -> str:
        absent = [i for i in range(1, self._place.processes) if i not in self._lines]
        named = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        return (
            f"{len(absent)} of {self._place.processes} processes ({named}) did not come to "
            f"{self._place.host}:{self._place.port} within {JOIN_LIMIT:g} s; start all of them, "
            "and let no firewall stand between the hosts"
        )

    def _admit(self, line: _Line, hello: Mapping[str, Any], command: str) -> None:
        """Admits a process, which is one of this run.

        Raises:
            InputError: it was started with other numbers or another command.
            _Lost: it is none.
        """
        try:
            number, processes = int(hello["process"]), int(hello["processes"])
            host, its_command = printable(str(hello["host"])), str(hello["command"])
        except (KeyError, TypeError, ValueError, OverflowError):  # the last: of Infinity
            raise _Lost from None
        name = f"process {number} on {host}"
        if processes != self._place.processes:
            raise InputError(
                f"{name} was started as one of {processes} processes, and process 0 as one of "
                f"{self._place.processes}; start all with the same number"
            )
        if number in (0, *self._lines) or not 0 < number < processes:
            raise InputError(f"process {number} was started twice, the second time on {host}")
        if its_command != command:
            raise InputError(
                f"{name} was started with other arguments or another version of this program than "
                "process 0; start all with the same"
            )
        self._lines[number] = line
        self._statuses[number] = Status(host)

    def exchange(self, status: Status, seconds: float) -> Ending | None:
        """Hears all reports; returns the end of all, once it is decided."""
        self._statuses[0] = status
        for number, line in self._lines.items():
            before = self._statuses[number]
            self._statuses[number] = before._replace(silent=before.silent + seconds)
            line.send({})
        by_line = {line: number for number, line in self._lines.items()}
        for line in _ready(list(by_line), 0):
            number = by_line[line]
            try:
                for report in line.receive():
                    self._statuses[number] = Status(**report)
            except (_Lost, TypeError):
                line.close()
                del self._lines[number]
                if self._statuses[number].code is None:
                    gone = f"process {number} of {self._place.processes} on "
                    gone += f"{self._statuses[number].host} is gone with its supervisor"
                    return Ending(INTERRUPTED_RUN, gone, resumable=True)
        return self._verdict.on(dict(sorted(self._statuses.items())), seconds)

    def close(self, ending: Ending) -> None:
        """Ends all others."""
        _end(self._lines.values(), ending.code)


class Member:
    """Contact of another supervisor with that of process 0."""

    def __init__(self, place: Place) -> None:
        self._place, self._silence = place, 0.0

    def join(self, command: str, stopped: Callable[[], None]) -> tuple[str, int]:
        """Waits for all; returns the address of JAX's coordinator, and how many are on this host.

        Raises:
            InputError: it cannot be reached.
        """
        place = self._place
        self._line = _Line(_connected(place, stopped))
        try:
            return self._answer(command, stopped)
        except (_Lost, KeyError, TypeError, ValueError, OverflowError):
            self._line.close()
        except BaseException:
            self._line.close()
            raise
        raise InputError(
            f"what listens on {place.host}:{place.port} is not process 0 of this run, or it has "
            "ended; give all processes the same --coordinator HOST:PORT, with a free port"
        )

    def _answer(self, command: str, stopped: Callable[[], None]) -> tuple[str, int]:
        """Answer of process 0, when all have come."""
        place = self._place
        hello = {"process": place.process, "processes": place.processes, "command": command}
        self._line.send(hello | {"host": platform.node()})
        deadline = time.monotonic() + JOIN_LIMIT + SILENCE
        while time.monotonic() < deadline:
            stopped()
            for _ in _ready([self._line], TICK):
                for message in self._line.receive():
                    if "end" in message:
                        raise Refused(int(message["end"]))
                    return str(message["start"]), int(message["on_host"])
        raise _Lost

    def exchange(self, status: Status, seconds: float) -> Ending | None:
        """Reports on the own process; returns the end of all, once it is decided."""
        self._line.send(status._asdict())
        self._silence += seconds
        try:
            for _ in _ready([self._line], 0):
                for message in self._line.receive():
                    self._silence = 0.0
                    if "end" in message:
                        return Ending(int(message["end"]))
        except _Lost:
            self._silence = SILENCE
        if self._silence < SILENCE:
            return None
        place = self._place
        gone = f"process 0 of {place.processes} on {place.host} is gone with its supervisor"
        # with a queue all print into one log
        prints = place.process == 1 or place.local is None
        return Ending(INTERRUPTED_RUN, gone if prints else None, resumable=prints)

    def close(self, ending: Ending) -> None:
        """Ends the contact."""
        self._line.close()


class Refused(Exception):
    """Process 0 has ended the run before it began, and has printed why.

    Attributes:
        code: exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _connected(place: Place, stopped: Callable[[], None]) -> socket.socket:
    """Connection to the supervisor of process 0, which may start a little later.

    Raises:
        InputError: there is none.
    """
    deadline = time.monotonic() + JOIN_LIMIT
    while True:
        stopped()
        try:
            return socket.create_connection((place.host, place.port), timeout=SEND_LIMIT)
        except OSError as error:
            unknown = isinstance(error, socket.gaierror)
            if time.monotonic() + TICK > deadline or unknown:
                raise InputError(
                    f"process {place.process} cannot reach the coordinator "
                    f"{place.host}:{place.port} ({error.strerror or error}); give the host of "
                    "process 0 with --coordinator HOST:PORT, start process 0, and let no firewall "
                    "stand between the hosts"
                ) from None
        time.sleep(TICK)


def _free_port() -> int:
    """Port that nothing listens on now."""
    with socket.create_server(("", 0)) as probe:
        return int(probe.getsockname()[1])
