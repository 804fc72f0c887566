"""Messages between devices that a compiled program holds, read from its text."""

import re
from collections import Counter

KINDS = (
    *("collective-permute", "all-gather", "all-reduce", "all-to-all", "reduce-scatter"),
    "collective-broadcast",
)
_MESSAGE = re.compile(rf" = (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_NAME = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(
    r"(?:body|condition|calls|to_apply|true_computation|false_computation)=%?([\w.\-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")


def computations(text: str) -> dict[str, list[str]]:
    """Lines of every computation of a program, by its name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if name := _NAME.match(line):
            lines = found[name[1]] = []
        lines.append(line)
    return found


def _called(line: str) -> list[str]:
    branches = _BRANCHES.search(line)
    names = re.findall(r"[\w.\-]+", branches[1]) if branches else []
    return names + _CALLED.findall(line)


def _below(names: list[str], all_of_them: dict[str, list[str]]) -> list[str]:
    """Lines of computations, and of all that they call."""
    seen: set[str] = set()
    lines: list[str] = []
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen or name not in all_of_them:
            continue
        seen.add(name)
        lines += all_of_them[name]
        waiting += [below for line in all_of_them[name] for below in _called(line)]
    return lines


def counted(lines: list[str]) -> Counter[str]:
    """Number of messages of each kind."""
    return Counter(found[2] for line in lines if (found := _MESSAGE.search(line)))


def in_program(text: str) -> Counter[str]:
    """Messages in all of a program."""
    return counted(text.splitlines())


def in_loops(text: str) -> list[Counter[str]]:
    """Messages in one round of each loop that has any."""
    every = computations(text)
    bodies = [name for line in text.splitlines() for name in re.findall(r"body=%?([\w.\-]+)", line)]
    found = [counted(_below([name], every)) for name in bodies]
    return [each for each in found if each]


def in_branches(text: str) -> Counter[str]:
    """Messages in branches, which wait for ever where only some devices take them."""
    every = computations(text)
    branches = [
        name for line in text.splitlines() if " conditional(" in line for name in _called(line)
    ]
    return counted(_below(branches, every))


def gathered(text: str) -> list[int]:
    """Number of elements of the result of each all-gather."""
    shapes = [
        found[1]
        for line in text.splitlines()
        if (found := _MESSAGE.search(line)) and found[2] == "all-gather"
    ]
    numbers = []
    for shape in shapes:
        size = 1
        for side in re.findall(r"\d+", re.findall(r"\[([\d,]*)\]", shape)[-1]):
            size *= int(side)
        numbers.append(size)
    return numbers
