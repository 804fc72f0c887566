"""Takes the mechanisms out of the model one at a time and shows that a test notices.

In a copy of the project, a piece of the code is replaced so that a mechanism is gone; the tests
named with it must then fail. The table goes to docs/mutations.md.

usage: python tests/mutations.py [--only WORD] [--write]
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, NoReturn

from virtual_devices import xla_flags

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
WORKERS = 2
LIST = TESTS / "mutations.toml"
TABLE = ROOT / "docs/mutations.md"
COPIED = ("kernels", "tissue", "tests", "runs", "pyproject.toml", "README.md", "docs")
PRINTED = "printed.txt"
"""Name of the file with the output of a test of a copy."""

LIBRARIES = (
    *("beartype", "h5py", "hypothesis", "jax.experimental", "jaxtyping", "pydantic", "pytest"),
    *("scipy.integrate", "scipy.ndimage", "scipy.optimize", "scipy.special"),
)
"""Packages that tests import besides the copy: processes have these from their beginning."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(list(LIBRARIES))


class Mutation(NamedTuple):
    """A mechanism, how to take it out, and the test that must notice.

    Attributes:
        mechanism: in the words of docs/science.md.
        file: of the term.
        term: the code that is taken out; once in the file.
        instead: what stands there then.
        test: file and name, as pytest writes them.
    """

    mechanism: str
    file: str
    term: str
    instead: str
    test: str


def listed() -> tuple[Mutation, ...]:
    """The mutations of tests/mutations.toml."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutation"]
    return tuple(Mutation(**entry) for entry in entries)


MUTATIONS = listed()


def matches(mutation: Mutation, root: Path = ROOT) -> bool:
    """Whether the term stands in the code, once, and the test exists."""
    file, _, name = mutation.test.partition("::")
    code = (root / mutation.file).read_text(encoding="utf-8")
    tests = (root / file).read_text(encoding="utf-8")
    return code.count(mutation.term) == 1 and f"def {name}(" in tests


def noticed(mutation: Mutation, copy: Path) -> bool:
    """Whether the test fails without the mechanism, by an assertion and for no other reason."""
    path = copy / mutation.file
    code = path.read_text(encoding="utf-8")
    path.write_text(code.replace(mutation.term, mutation.instead), encoding="utf-8")
    (copy / PRINTED).write_bytes(b"")
    process = PROCESSES.Process(target=_test, args=(mutation.test, copy))
    try:
        process.start()
        process.join()
    finally:
        path.write_text(code, encoding="utf-8")
    printed = (copy / PRINTED).read_text(encoding="utf-8", errors="replace")
    return process.exitcode == 1 and "AssertionError" in printed


def _test(name: str, copy: Path) -> NoReturn:
    """Runs a test of a copy in a new process, and ends this with the exit code of pytest."""
    import jax
    import pytest

    with (copy / PRINTED).open("wb") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    os.chdir(copy)
    os.environ |= {"XLA_FLAGS": xla_flags(1), "PYTHONPATH": str(copy), "JAXTYPING_DISABLE": "1"}
    sys.path[:] = [str(copy), *(each for each in sys.path if not each.startswith(str(TESTS)))]
    del sys.modules[xla_flags.__module__]  # so that tests take that of the copy
    # what a mutation leaves as it is need not be compiled again
    jax.config.update("jax_compilation_cache_dir", str(copy.parent / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    loaded = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
    code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-W", loaded, name])
    sys.stdout.flush()
    os._exit(code)


def copied(folder: Path) -> Path:
    """A copy of what the tests need."""
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            hidden = shutil.ignore_patterns("__pycache__", "out", ".*")
            shutil.copytree(source, folder / name, symlinks=True, ignore=hidden)
        else:
            shutil.copy(source, folder / name)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mechanisms whose name holds this")
    parser.add_argument("--write", action="store_true", help="write docs/mutations.md")
    asked = parser.parse_args()
    # of the processes, as tests/conftest.py sets it: they have JAX before they read that
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    wanted = [mutation for mutation in MUTATIONS if asked.only in mutation.mechanism]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as workers:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(WORKERS):
            copies.put(copied(Path(folder) / f"copy{number}"))

        def tried(mutation: Mutation) -> bool:
            copy = copies.get()
            try:
                # a second time, as a process may also end for lack of memory
                good = matches(mutation) and any(noticed(mutation, copy) for _ in range(2))
            finally:
                copies.put(copy)
            print(f"{'noticed' if good else 'NOT noticed'}: {mutation.mechanism}", flush=True)
            return good

        found = list(workers.map(tried, wanted))
    if asked.write:
        TABLE.write_text(table(wanted, found), encoding="utf-8")
    print(f"{sum(found)} of {len(found)} noticed")
    return 0 if all(found) else 1


def table(mutations: Sequence[Mutation], found: Sequence[bool]) -> str:
    """The results in Markdown."""
    lines = [
        "# What happens without each mechanism",
        "",
        "Made by `python tests/mutations.py --write`: each term is taken out of a copy of the",
        "code, and the test must fail.",
        "",
        "| mechanism | term taken out | test | result |",
        "|---|---|---|---|",
    ]
    for each, good in zip(mutations, found, strict=True):
        verdict = "noticed" if good else "**not noticed**"
        lines.append(
            f"| {each.mechanism} | `{each.term}` | `{each.test.partition('::')[2]}` | {verdict} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
