"""Tables that were lost or damaged before a run goes on: none of it stays unnoticed."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.command_result import call_command
from faults.conftest import Small
from faults.played import contents
from faults.small_run import DAYS, same

from tissue.errors import RunStopped
from tissue.scenario.config import read_run_file
from tissue.simulation.run import run
from tissue.simulation.step_report import Record


def cut(path: Path) -> None:
    """Half of the rows are lost."""
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]), encoding="ascii")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def deleted(path: Path) -> None:
    path.unlink()


def talked_into(path: Path) -> None:
    """One row is text."""
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    path.write_text("".join([*lines[:-1], "edited by hand\n"]), encoding="ascii")


@pytest.fixture(scope="module")
def part(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped half way."""
    folder = tmp_path_factory.mktemp("tables") / "part"

    def stop(record: Record) -> None:
        if record.metrics["time_day"] == DAYS / 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(RunStopped):
        run(read_run_file(small.file), folder, watch=stop)
    return folder


@pytest.mark.usefixtures("blank")
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("metrics.csv", cut),
        ("metrics.csv", emptied),
        ("metrics.csv", deleted),
        ("metrics.csv", talked_into),
        ("ledger.csv", cut),
        ("ledger.csv", emptied),
        ("ledger.csv", deleted),
    ],
)
def test_lost_rows_are_noticed_and_nothing_is_changed(
    small: Small, part: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    folder = shutil.copytree(part, tmp_path / "run")
    damage(folder / name)
    before = contents(folder)
    command = ("run", small.file, "--out", folder, "--resume", "--quiet")
    result = call_command(*command)
    assert (result.code, result.trouble) == (2, ""), result
    assert f"{folder / name} " in result.err
    assert "restore the file from a copy" in result.err
    assert "--overwrite" in result.err
    assert contents(folder) == before
    # the remedy helps
    shutil.copy(part / name, folder / name)
    result = call_command(*command)
    assert (result.code, result.trouble) == (0, ""), result
    same(small.whole, folder)
