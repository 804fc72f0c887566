"""Kernels, copies and loops of a compiled program, read from its scheduled HLO text.

After scheduling, every fusion and every library call of the entry computation and of the bodies of
its loops is one kernel, which reads its operands from memory and writes its results there. Results
are counted in full. Of an operand as many elements are counted as the results need, at most all of
it: what a stencil reads twice is taken to come from the cache, and a kernel that takes two planes
of a field to send them does not read the field.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from instructions import Instruction, arrays, instruction, needed, size

FREE = {
    "parameter",
    "constant",
    "bitcast",
    "get-tuple-element",
    "tuple",
    "after-all",
    "partition-id",
}
COPIES = {"copy", "copy-start"}
WAITS = {
    *("copy-done", "async-done", "all-gather-done", "all-reduce-done"),
    "collective-permute-done",
}
COLLECTIVES = {
    f"{name}{suffix}"
    for name in ("all-gather", "all-reduce", "all-to-all", "collective-permute", "reduce-scatter")
    for suffix in ("", "-start")
}
_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .*\{\s*$")
_LINE = re.compile(r"^\s+(?:ROOT )?%([\w.\-]+) = (.*)$")


@dataclass(frozen=True)
class Work:
    """Cost of one pass over a computation without its loops.

    Attributes:
        kernels: launches of a kernel.
        large: those among them that move as much as a whole field.
        copies: copies of an array within the device.
        whole_copies: those among them of a whole field.
        transfers: between host and device, and calls to Python.
        collectives: exchanges between devices.
        bytes: operands and results.
    """

    kernels: int = 0
    large: int = 0
    copies: int = 0
    whole_copies: int = 0
    transfers: int = 0
    collectives: int = 0
    bytes: int = 0

    @property
    def launches(self) -> int:
        """Number of kernels and copies."""
        return self.kernels + self.copies

    def __add__(self, other: "Work") -> "Work":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Work(*(a + b for a, b in pairs))

    def __mul__(self, times: float) -> "Work":
        return Work(*(round(v * times) for v in vars(self).values()))


@dataclass(frozen=True)
class Loop:
    """While loop.

    Attributes:
        name: of its instruction.
        chain: functions around it, outermost first; of all loops of a function that is compiled
            once, those of the first.
        stage: scopes around it, each by its name in `step.advance`.
        body, condition: computations of one pass.
        parent: computation that it is in.
        trips: number of its turns where the compiler knows it, so that no host reads its
            condition; else None.
    """

    name: str
    chain: tuple[str, ...]
    stage: tuple[str, ...]
    body: str
    condition: str
    parent: str
    trips: int | None

    @property
    def solves(self) -> bool:
        """Whether it is the loop of conjugate gradients."""
        return "_conjugate_gradients" in "".join(self.stage[-2:])


class Module:
    """Compiled program."""

    def __init__(self, text: str) -> None:
        """Parse the text of a program.

        Args:
            text: `compiled.as_text()`.

        Raises:
            ValueError: there is no scheduled program in it.
        """
        self.text = text
        self._needs: dict[str, dict[int, int]] = {}
        self.computations: dict[str, list[Instruction]] = {}
        self.entry = ""
        current: list[Instruction] | None = None
        for line in text.splitlines():
            if head := _HEAD.match(line):
                current = self.computations.setdefault(head[2], [])
                self.entry = head[2] if head[1] else self.entry
            elif line.startswith("}"):
                current = None
            elif current is not None and (found := _LINE.match(line)):
                current.append(instruction(found[1], found[2]))
        if "is_scheduled=true" not in text or not self.computations.get(self.entry):
            raise ValueError("no scheduled HLO: this program cannot be checked")

    @cached_property
    def _frames(self) -> dict[str, tuple[str, ...]]:
        """Names of the functions around every stack frame, outermost first."""
        functions = dict(re.findall(r'^(\d+) "([^"]*)"$', self._section("FunctionNames"), re.M))
        places = dict(
            re.findall(r"^(\d+) \{.*?function_name_id=(\d+)", self._section("FileLocations"), re.M)
        )
        frames = re.findall(
            r"^(\d+) \{file_location_id=(\d+)(?: parent_frame_id=(\d+))?",
            self._section("StackFrames"),
            re.M,
        )
        parents = {  # 1 stands for no parent, the others are one too large
            frame: (functions.get(places[place], ""), str(int(up or 1) - 1))
            for frame, place, up in frames
        }

        def chain(frame: str) -> tuple[str, ...]:
            name, up = parents[frame]
            return (*(chain(up) if up in parents else ()), name)

        return {frame: chain(frame) for frame in parents}

    def _section(self, name: str) -> str:
        found = re.search(rf"^{name}\n(.*?)\n\n", self.text, re.M | re.S)
        return found[1] if found else ""

    def work(self, computation: str | None = None, field: int = 2**62) -> Work:
        """Cost of one pass over a computation (the entry if none is named) without its loops.

        Args:
            computation: its name.
            field: bytes of a whole field.
        """
        lines = self.computations[computation or self.entry]
        known = {line.name: line.kind for line in lines}
        total = Work()
        for line in lines:
            total += self.cost(line, known, field)
        return total

    def cost(
        self, line: Instruction, known: Mapping[str, str] = MappingProxyType({}), field: int = 2**62
    ) -> Work:
        """Cost of one instruction; `known` holds the types of its operands."""
        if line.opcode in FREE | WAITS or line.opcode == "while":
            return Work()
        if line.opcode in ("call", "async-start"):
            return self.work(line.attribute("to_apply") or line.attribute("calls"), field)
        if line.opcode == "conditional":
            inside = (self.work(name, field) for name in self._branches(line))
            return max(inside, key=lambda work: work.bytes) + Work(transfers=1)
        moved = size(line.kind) + self._read(line, known)
        if line.transfers:
            return Work(transfers=1, bytes=moved)
        if line.opcode in COLLECTIVES:
            return Work(collectives=1, bytes=moved)
        if line.opcode in COPIES:
            return Work(copies=1, whole_copies=int(size(line.kind) >= field), bytes=moved)
        return Work(kernels=1, large=int(moved >= field), bytes=moved)

    def _read(self, line: Instruction, known: Mapping[str, str]) -> int:
        """Bytes of its operands that a kernel reads."""
        sizes = [size(known.get(name, "")) for name in line.operands]
        kernel = line.attribute("calls")
        if line.opcode != "fusion" or kernel not in self.computations:
            return sum(sizes)
        if kernel not in self._needs:
            self._needs[kernel] = needed(self.computations[kernel])
        read = self._needs[kernel]
        return sum(min(whole, read.get(i, whole)) for i, whole in enumerate(sizes))

    def _branches(self, line: Instruction) -> list[str]:
        listed = re.search(r"branch_computations=\{([^}]*)\}", line.rest)
        if listed:
            return [name.strip().lstrip("%") for name in listed[1].split(",")]
        return [line.attribute("true_computation"), line.attribute("false_computation")]

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """While loops in the order of execution, an inner one after the one around it."""
        return tuple(self._loops_in(self.entry))

    def _loops_in(self, computation: str) -> Iterator[Loop]:
        for line in self.computations[computation]:
            if line.opcode == "while":
                frame = re.search(r"stack_frame_id=(\d+)", line.rest)
                chain = self._frames.get(frame[1], ()) if frame else ()
                body, condition = line.attribute("body"), line.attribute("condition")
                trips = re.search(r'"known_trip_count":\{"n":"(\d+)"', line.rest)
                known = int(trips[1]) if trips else None
                scopes = re.search(r'op_name="([^"]*)"', line.rest)
                stage = tuple(scopes[1].split("/")) if scopes else ()
                yield Loop(line.name, chain, stage, body, condition, computation, known)
                yield from self._loops_in(body)

    def around(self, loop: Loop) -> tuple[Loop, ...]:
        """Loops around a loop, innermost first."""
        outer = next((other for other in self.loops if other.body == loop.parent), None)
        return (outer, *self.around(outer)) if outer else ()

    def messages(self, computation: str) -> list[tuple[str, int]]:
        """Exchanges between devices in one pass of a computation without its loops.

        Returns:
            Kind of each, and elements of the largest array that it makes.
        """
        found = []
        for line in self.computations[computation]:
            if line.opcode in COLLECTIVES:
                largest = max((n for _, n in arrays(line.kind)), default=0)
                found.append((line.opcode.removesuffix("-start"), largest))
            elif line.opcode == "conditional":
                found += [each for name in self._branches(line) for each in self.messages(name)]
            elif line.opcode in ("call", "async-start"):
                found += self.messages(line.attribute("to_apply") or line.attribute("calls"))
        return found

    @property
    def messages_in_branches(self) -> int:
        """Exchanges in branches: where only some devices take one, all wait for ever."""
        branches = (
            name
            for lines in self.computations.values()
            for line in lines
            if line.opcode == "conditional"
            for name in self._branches(line)
        )
        return sum(len(self.messages(name)) for name in branches)

    def uses(self, *opcodes: str) -> int:
        """Number of instructions with one of the opcodes, in and out of kernels."""
        return sum(line.opcode in opcodes for c in self.computations.values() for line in c)

    def executed(self) -> Iterator[Instruction]:
        """Instructions of the entry and of the loops."""
        names = [self.entry, *(n for loop in self.loops for n in (loop.body, loop.condition))]
        for name in names:
            yield from self.computations[name]

    def extent(self, kernel: str) -> int:
        """Elements of the largest array a kernel of the PTX reads or writes; 2^62 if unknown."""
        return self._extents.get(kernel, 2**62)

    @cached_property
    def _extents(self) -> dict[str, int]:
        lines = [line for lines in self.computations.values() for line in lines]
        largest = {line.name: max((n for _, n in arrays(line.kind)), default=1) for line in lines}
        found: dict[str, int] = {}
        for line in lines:
            if line.opcode not in FREE | {"while"}:
                count = max(largest[name] for name in (line.name, *line.operands))
                key = line.name.replace(".", "_").replace("-", "_")
                found[key] = max(found.get(key, 0), count)
        return found

    def doubles(self, elements: int) -> set[str]:
        """Opcodes that make float64 arrays of that many elements or more, in or out of kernels."""
        lines: Iterable[Instruction] = (x for c in self.computations.values() for x in c)
        return {
            line.opcode
            for line in lines
            if any(name == "f64" and count >= elements for name, count in arrays(line.kind))
        } - {"bitcast", "parameter", "get-tuple-element", "tuple", "reshape", "constant"}
