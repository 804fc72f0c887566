"""Links in the folder of a run that lead out of it, before every command that writes there.

Links of the names that a run and its commands write, and of temporary names, lead to files outside
or to nothing. Whatever a command does, a file outside stays as it was and none appears there.

usage: python tests/faults/odd_links.py
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from faults.command_result import CommandResult, call_command

from tissue.analysis import summary

TINY = Path(__file__).parents[1] / "tiny.toml"
DAILY = ("output.morphometry=true", "output.checkpoints=1 day")
RUN = ("run", TINY, "--quiet", *(word for change in DAILY for word in ("--set", change)))
NEW = (*RUN, "--overwrite", "--out")
BACK = (*RUN, "--resume", "1 day", "--out")
QUICK = (("index",), ("metrics",), ("report",), ("export", "--to", "npy", "--fields", "il1"))
OTHERS = (*QUICK, ("plot", "--kind", "curves"))
"""Commands besides `tissue run` that write into the folder of a run."""

REFUSED = ("run.lock", "metrics.csv", "ledger.csv", "run.log")
"""Files that are written on: a run that finds a link there refuses it."""

OUTSIDE = b"of another user"


class Case(NamedTuple):
    """A command and the links that it meets.

    Attributes:
        words: of the command; the folder follows them.
        names: of the links.
        there: whether they lead to files; else to nothing.
        code: of the command; None where it depends on what it reads.
    """

    words: tuple[object, ...]
    names: tuple[str, ...]
    there: bool
    code: int | None = None


def run_and_more(folder: Path, others: tuple[tuple[str, ...], ...] = OTHERS) -> Path:
    """The folder of a run in which other commands have written too."""
    for words in (NEW, *others):
        result = _called(words, folder)
        assert result.code == 0, result
    return folder


def made(folder: Path) -> tuple[str, ...]:
    """Names of the files in the folder of a run, and the temporary ones of plain writers."""
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return (*files, "run.lock", *(f"{name}.tmp" for name in files))


def together(names: tuple[str, ...], there: bool) -> Iterator[Case]:
    """Runs that meet links of all names that they do not refuse."""
    replaced = tuple(name for name in names if name not in REFUSED and "ckpt" not in name)
    yield Case(BACK, replaced, there, 0)
    yield Case(NEW, tuple(name for name in names if name != "run.lock"), there, 0)
    for words in QUICK:
        yield Case(words, replaced, there, 0 if there else 2)


def one_by_one(names: tuple[str, ...]) -> Iterator[Case]:
    """Every name before every command."""
    for there in (True, False):
        for name in names:
            if name.endswith(".tmp"):  # nobody writes them: together is enough
                continue
            if "/" not in name:
                yield Case(NEW, (name,), there, 2 if name == "run.lock" else 0)
                yield Case(BACK, (name,), there, 2 if name in REFUSED else None)
            for words in OTHERS:
                yield Case(words, (name,), there)


def trouble(case: Case, start: Path, folder: Path) -> str:
    """Trouble with the files that a command leaves; "" if there is none.

    Args:
        case: the command and the links.
        start: the folder of a run.
        folder: for a copy of it and a folder outside; it is made.
    """
    run, outside = folder / "run", folder / "outside"
    shutil.copytree(start, run)
    outside.mkdir()
    before = {}
    for name in case.names:
        link, target = run / name, outside / name.replace("/", " ")
        if case.there:
            before[target] = link.read_bytes() if link.exists() else OUTSIDE
            target.write_bytes(before[target])
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    result = _called(case.words, run)
    after = {path: path.read_bytes() for path in outside.iterdir()}
    changed = sorted(path.name for path in {*before, *after} if before.get(path) != after.get(path))
    if changed:
        return f"written outside: {', '.join(changed)}"
    if result.trouble or case.code in (None, result.code):
        return result.trouble
    return f"exit {result.code}: {result.err or result.out}"


def _called(words: tuple[object, ...], folder: Path) -> CommandResult:
    command, *others = words
    if "--out" in words:
        given: tuple[object, ...] = (*words, folder)
    else:
        given = (command, folder, *others)
    with patch.object(summary, "_WIDTH", 60):
        return call_command(*given)


def main() -> None:
    """Tries every case, prints what went wrong and how many were tried."""
    start, failed, count = time.perf_counter(), 0, 0
    with tempfile.TemporaryDirectory() as name:
        whole = run_and_more(Path(name) / "whole")
        names = made(whole)
        cases = [*together(names, True), *together(names, False), *one_by_one(names)]
        for count, case in enumerate(cases, 1):
            folder = Path(name) / f"{count}"
            if found := trouble(case, whole, folder):
                failed += 1
                print(f"{case.words[0]}, {', '.join(case.names)}: {found}", flush=True)
            shutil.rmtree(folder)
    print(f"odd links: {count} tried, {failed} failed, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
