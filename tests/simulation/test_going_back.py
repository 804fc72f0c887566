"""Resuming from an earlier checkpoint sets later files aside and loses none."""

import shutil
from pathlib import Path

import pytest
from simulation.diseased_run import (
    DISEASED,
    assert_same,
    contents,
    diseased,
)

from tissue.errors import InputError
from tissue.scenario.config import read_run_file
from tissue.simulation.run import run
from tissue.storage.results import Run, open_run


def test_going_back_sets_aside_what_is_later(complete: Run, tmp_path: Path) -> None:
    """Snapshots at other times than before do not mix with those of the first protocol."""
    folder = tmp_path / "run"
    shutil.copytree(complete.folder, folder)
    before = contents(folder)
    other = diseased(output=DISEASED["output"] | {"snapshots": "0.75 day"})
    back = run(other, folder, resume="1 day")
    assert list(back.times) == [0, 1, 1.5, 2.25, 3]
    aside = folder / "superseded_1"
    kept = contents(aside)
    assert kept.keys() == {
        *("metrics.csv", "ledger.csv", "snap_day0002.000.hdf", "snap_day0003.000.hdf"),
        *(f"ckpt_day000{t:.3f}.h5" for t in (1.5, 2, 2.5, 3)),
    }
    assert all(before[name] == content for name, content in kept.items())
    assert "superseded_1, which may be deleted" in (folder / "run.log").read_text()
    run(diseased(), folder, resume="1 day")
    assert_same(complete.folder, folder)
    assert (folder / "superseded_2").is_dir()
    (aside / "mine.txt").touch()
    run(diseased(), folder, overwrite=True)
    assert [path.name for path in folder.glob("superseded_*/*")] == ["mine.txt"]


@pytest.mark.parametrize("moves", range(1, 8))
def test_going_back_may_be_interrupted_anywhere(
    complete: Run, tmp_path: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any number of moves the newest checkpoint that is left leads to the same end."""
    folder = tmp_path / "run"
    shutil.copytree(complete.folder, folder)
    rename, calls = Path.rename, iter(range(1, 100))

    def killed(path: Path, target: Path) -> Path:
        if next(calls) == moves:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            run(diseased(), folder, resume="0.5 day")
    run(diseased(), folder, resume="latest")
    assert_same(complete.folder, folder)
    assert list(open_run(folder).times) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["metrics.csv", "ledger.csv"])
def test_a_table_without_the_rows_of_a_checkpoint_is_refused(
    complete: Run, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(complete.folder, folder)
    lines = (folder / name).read_text().splitlines(keepends=True)
    (folder / name).write_text("".join(lines[:4]))
    before = contents(folder)
    with pytest.raises(InputError, match=rf"{name} has 3 and not the [67] rows that .*ckpt_day"):
        run(diseased().changed({"run.duration": "4 day"}), folder, resume="latest")
    assert contents(folder) == before
    run(diseased(), folder, resume="1 day")  # as the message proposes
    assert_same(complete.folder, folder)


def test_morphometry_is_cut_with_the_run(complete: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(complete.folder, folder)
    text = "time_day,bv_tv\n0,0.3\n1,0.2\n2,0.1\n"
    (folder / "morphometry.csv").write_text(text)
    run(diseased(), folder, resume="1 day")
    assert (folder / "morphometry.csv").read_text() == "time_day,bv_tv\n0,0.3\n1,0.2\n"
    assert (folder / "superseded_1" / "morphometry.csv").read_text() == text


def test_a_run_that_is_cut_short_says_so_in_its_run_file(complete: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(complete.folder, folder)
    run(diseased(duration="2 day"), folder, resume="2 day")
    assert read_run_file(folder / "run.toml").run.duration == 2
    assert list(open_run(folder).times) == [0, 1, 2]
