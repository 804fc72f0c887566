"""Instructions of a compiled program, read from its text, and what a kernel reads of operands."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

ITEM = {"pred": 1, "s8": 1, "u8": 1, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8}
TRANSFERS = {"infeed", "outfeed", "send", "recv", "send-done", "recv-done"}
WHOLE = {
    *("dot", "convolution", "gather", "scatter", "sort", "reduce-window", "select-and-scatter"),
    *("custom-call", "while", "conditional", "call", "map", "rng", "triangular-solve", "cholesky"),
}
"""Instructions any element of whose result may need all elements of the operands."""

HOST_MEMORY = re.compile(r"\{[^{}]*S\(5\)[^{}]*\}")
_ARRAY = re.compile(r"\b(pred|[a-z]+\d+)\[([\d,]*)\]")


@dataclass(frozen=True)
class Instruction:
    """Line of a computation.

    Attributes:
        name: unique in the module.
        kind: type of the result.
        opcode: what is done.
        operands: names of what is read.
        inside: text between its parentheses, of a parameter its number.
        rest: attributes.
    """

    name: str
    kind: str
    opcode: str
    operands: tuple[str, ...]
    inside: str
    rest: str

    def attribute(self, key: str) -> str:
        """Name after key=, or an empty string."""
        found = re.search(rf"\b{key}=%?([\w.\-]+)", self.rest)
        return found[1] if found else ""

    @property
    def transfers(self) -> bool:
        """True if it moves data between host and device, or calls back to Python."""
        calls_host = self.opcode == "custom-call" and "callback" in self.rest
        return self.opcode in TRANSFERS or calls_host or bool(HOST_MEMORY.search(self.kind))


def arrays(kind: str) -> Iterator[tuple[str, int]]:
    """Element type and number of elements of every array in a type."""
    for name, sides in _ARRAY.findall(kind):
        yield name, prod(int(side) for side in sides.split(",") if side)


def size(kind: str) -> int:
    """Bytes of a type."""
    return sum(ITEM.get(name, 4) * count for name, count in arrays(kind))


def needed(lines: Sequence[Instruction]) -> dict[int, int]:
    """Bytes of each parameter of a kernel that its results need, by the number of the parameter.

    Elements are followed from the results back to the parameters. One that several results need
    counts for each of them, but no array for more elements than it has.

    Args:
        lines: of the computation of the kernel, the last of which is its result.
    """
    counts = {line.name: sum(n for _, n in arrays(line.kind)) for line in lines}
    wanted = {lines[-1].name: counts[lines[-1].name]}
    found: dict[int, int] = {}
    for line in reversed(lines):
        every = max(counts[line.name], 1)
        asked = min(wanted.get(line.name, 0), every)
        if line.opcode == "parameter":
            found[int(line.inside)] = asked * size(line.kind) // every
        for operand in line.operands:
            whole = share = counts.get(operand, 0)
            if line.opcode == "reduce":
                share = -(-asked * whole // every)
            elif line.opcode not in WHOLE or not asked:
                share = asked
            wanted[operand] = wanted.get(operand, 0) + min(share, whole)
    return found


def instruction(name: str, rest: str) -> Instruction:
    """Instruction of a name and the rest of its line."""
    kind, rest = _type(re.sub(r"/\*.*?\*/", "", rest))
    opcode, _, tail = rest.partition("(")
    inside, _, attributes = tail.partition(")")
    operands = tuple(re.findall(r"%([\w.\-]+)", inside))
    return Instruction(name, kind, opcode.strip(), operands, inside, attributes)


def _type(rest: str) -> tuple[str, str]:
    """Type at the head of an instruction, and the rest."""
    if not rest.startswith("("):
        kind, _, tail = rest.partition(" ")
        return kind, tail
    depth = 0
    for i, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return rest[: i + 1], rest[i + 1 :].lstrip()
    raise ValueError(f"cannot read the type in {rest[:80]}")
