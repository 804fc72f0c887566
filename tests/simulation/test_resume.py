"""A resumed run equals the run that was never interrupted."""

import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from simulation.diseased_run import (
    DISEASED,
    TINY,
    assert_same,
    contents,
    cut_after,
    diseased,
)

from tissue.checksum import footer
from tissue.cli import main
from tissue.errors import InputError, RunError
from tissue.model import step
from tissue.model.parameters import preset
from tissue.scenario.config import read_run_file
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_report import Record
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.index import indices_are_current, write_index
from tissue.storage.results import Run
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import count_rows


def test_a_resumed_run_is_the_same_bit_for_bit(complete: Run, tmp_path: Path) -> None:
    assert len(list_checkpoints(complete.folder)) == 7
    for number in (0, 1, 4):
        folder = cut_after(complete.folder, tmp_path / str(number), number)
        with (folder / "metrics.csv").open("a") as table:
            table.write("9,9,9")  # a row that the crash cut short
        (folder / "ckpt_day0009.000.h5.tmp").write_bytes(b"half")
        run(diseased(), folder, resume="latest")
        assert_same(complete.folder, folder)
        assert not list(folder.glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["mouse", "human"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("steps", [{}, {"step": "adaptive"}])
def test_resuming_is_exact_for_every_kind_of_run(
    preset: str, precision: str, steps: dict[str, str], tmp_path: Path
) -> None:
    data = tomllib.loads(TINY.read_text(encoding="utf-8"))
    data["run"] |= {"preset": preset, "precision": precision, "duration": "3 day"} | steps
    config = read_run_file(data | DISEASED, folder=TINY.parent, name="ill")
    made = run(config, tmp_path / "whole")
    folder = cut_after(made.folder, tmp_path / "left", 1)
    run(config, folder, resume="latest")
    assert_same(made.folder, folder)


@pytest.mark.slow
def test_resuming_is_exact_in_a_periodic_box(tmp_path: Path) -> None:
    config = diseased(boundary={"periodic": ["z", "x"]})
    made = run(config, tmp_path / "whole")
    folder = cut_after(made.folder, tmp_path / "left", 1)
    run(config, folder, resume="latest")
    assert_same(made.folder, folder)


def test_a_damaged_checkpoint_is_skipped(
    complete: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = cut_after(complete.folder, tmp_path / "run", 4)
    newest = list_checkpoints(folder)[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0xFF
    newest.write_bytes(content)
    with caplog.at_level("WARNING"):
        run(diseased(), folder, resume="latest")
    assert "skipped: " in caplog.text
    assert_same(complete.folder, folder)


def test_a_checkpoint_is_found_by_time_and_by_path(complete: Run, tmp_path: Path) -> None:
    third = list_checkpoints(complete.folder)[2]
    for number, wanted in enumerate(("1 day", "24 h", str(third))):
        folder = tmp_path / str(number)
        shutil.copytree(complete.folder, folder)
        run(diseased(), folder, resume=wanted)
        assert_same(complete.folder, folder)
    with pytest.raises(InputError, match=r"no checkpoint of day 7, only those of days 0, 0.5"):
        run(diseased(), complete.folder, resume="7 day")
    with pytest.raises(InputError, match=r"--resume '4': give latest, a time such as '7 day'"):
        run(diseased(), complete.folder, resume="4")


def test_a_finished_run_can_be_extended(complete: Run, tmp_path: Path) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(complete.folder, folder)
    times = run(diseased().changed({"run.duration": "4 day"}), folder, resume="latest").metrics[
        "time_day"
    ]
    np.testing.assert_allclose(times, np.arange(0, 4.1, 0.5))
    with pytest.raises(InputError, match=r"is of day 4, after the end of the run at .* 3 day"):
        run(diseased(), folder, resume="latest")
    run(diseased(), folder, resume="3 day")
    assert_same(complete.folder, folder)


def test_resuming_what_has_not_begun_starts_it(complete: Run, tmp_path: Path) -> None:
    for left in ((), ("run.toml",), ("run.toml", "run.log", "metrics.csv", "snap_day0000.000.hdf")):
        folder = tmp_path / f"{len(left)}"
        folder.mkdir()
        for name in left:
            shutil.copy(complete.folder / name, folder)
        if (folder / "metrics.csv").exists():
            lines = (folder / "metrics.csv").read_text().splitlines(keepends=True)
            (folder / "metrics.csv").write_text("".join(lines[:2]))
        run(diseased(), folder, resume="latest")
        assert_same(complete.folder, folder)


def test_results_without_a_checkpoint_are_not_started_anew(complete: Run, tmp_path: Path) -> None:
    folder = tmp_path / "left"
    shutil.copytree(complete.folder, folder)
    for path in list_checkpoints(folder):
        path.unlink()
    before = contents(folder)
    with pytest.raises(InputError, match=r"holds results \(4 snapshots, 6 steps .*--overwrite"):
        run(diseased(), folder, resume="latest")
    assert contents(folder) == before


LAST = ("run.hdf", "run.hdf.series", "run.toml")


@pytest.mark.parametrize("lost", [*((name,) for name in LAST), LAST, ("run.hdf, an old one",)])
def test_a_finished_run_is_completed_and_otherwise_unchanged(
    complete: Run, tmp_path: Path, lost: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Simulation, "advance", None)
    folder = tmp_path / "run"
    shutil.copytree(complete.folder, folder)
    run(diseased(), folder, resume="latest")  # run.toml contains its folder
    before = contents(folder)
    for name in lost:
        (folder / name.partition(",")[0]).unlink()
    if "run.hdf, an old one" in lost:
        write_index(folder, [read_snapshot(path) for path in list_snapshots(folder)[:2]])
    for _ in range(2):
        run(diseased(), folder, resume="latest")
        after = contents(folder)
        assert indices_are_current(folder)
        assert after.keys() == before.keys()
        changed = {name for name, content in after.items() if content != before[name]}
        # HDF5 notes when an index was made
        assert changed <= {"run.log", "run.hdf"}
        before = after
    assert after["run.log"].count(b"the run is finished: ") == 3


def test_a_finished_run_gets_its_picture_and_morphometry(complete: Run, tmp_path: Path) -> None:
    folder, file = tmp_path / "run", tmp_path / "own.toml"
    shutil.copytree(complete.folder, folder)
    text = (complete.folder / "run.toml").read_text(encoding="utf-8")
    file.write_text(re.sub("morphometry = false", "morphometry = true", text), encoding="utf-8")
    assert main(["run", str(file), "--out", str(folder), "--resume", "--quiet"]) == 0
    assert (folder / "summary.png").stat().st_size > 10_000
    assert count_rows(folder / "morphometry.csv") == 4


def test_another_run_file_is_refused_by_its_keys(complete: Run) -> None:
    other = diseased(disease={"il1_excess": "5 pM", "estrogen": {}})
    message = r"differs in disease.il1_excess \(\"3 pM\" there, \"5 pM\" here\); use the same file"
    with pytest.raises(InputError, match=message):
        run(other, complete.folder, resume="latest")
    preset_value = f"{preset('mouse').a_R:g}"
    with pytest.raises(
        InputError, match=rf"differs in parameters.a_R \({preset_value} there, 4 here\)"
    ):
        run(diseased(parameters={"a_R": 4}), complete.folder, resume="latest")


def test_other_fields_from_some_day_on_are_left_out_of_the_index(
    complete: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = cut_after(complete.folder, tmp_path / "run", 2)
    few = diseased(output=DISEASED["output"] | {"fields": ["bone_volume_fraction", "il1"]})
    with caplog.at_level("WARNING"):
        run(few, folder, resume="latest")
    assert "run.hdf leaves out fields that some snapshots lack: " in caplog.text
    with h5py.File(folder / "run.hdf") as index:
        assert set(index["VTKHDF/PointData"]) == {"bone_volume_fraction", "il1"}


def test_a_run_with_a_damaged_snapshot_is_resumed(
    complete: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = cut_after(complete.folder, tmp_path / "run", 4)
    (folder / "snap_day0001.000.hdf").write_bytes(b"half")
    for _ in range(2):
        with caplog.at_level("WARNING"):
            run(diseased(), folder, resume="latest")
        assert_same(complete.folder, folder)
    assert "left out of run.hdf: " in caplog.text
    with h5py.File(folder / "run.hdf") as index:
        assert list(index["time"]) == [0, 2, 3]


def test_checkpoints_at_multiples_that_a_step_crosses_are_kept(tmp_path: Path) -> None:
    often = diseased(output={"snapshots": "3 day", "checkpoints": "0.2 day", "keep_every": 3})
    run(often, tmp_path)
    times = [read_checkpoint(path).time for path in list_checkpoints(tmp_path)]
    assert times == [0, 1, 1.5, 2, 2.5, 3]


def test_wall_clock_time_makes_checkpoints(tmp_path: Path) -> None:
    often = diseased(output={"snapshots": "3 day", "checkpoint_every_wall": "0.000001 s"})
    run(often, tmp_path)
    assert [read_checkpoint(p).step for p in list_checkpoints(tmp_path)] == [5, 6]  # the last two


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    refused: list[str] = []

    def second(record: Record) -> None:
        with pytest.raises(InputError, match="another run is writing to") as error:
            run(diseased(), tmp_path, overwrite=True)
        refused.append(str(error.value))

    run(diseased(), tmp_path, watch=second)
    assert len(refused) == 6


def test_a_bad_state_is_set_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    advance, calls = step.advance, iter(range(1, 100))

    def spoiled(*arguments: Any) -> Any:
        state, diagnostics = advance(*arguments)
        if next(calls) >= 3:
            rankl = state.solutes["rankl"]
            state = replace(state, solutes=state.solutes | {"rankl": rankl.at[1, 2, 3].set(np.nan)})
        return state, diagnostics

    monkeypatch.setattr(simulating, "advance", spoiled)
    with pytest.raises(RunError, match=r"ckpt_day0001.000.h5 is the last good checkpoint"):
        run(diseased(), tmp_path)
    bad = read_checkpoint(tmp_path / "failed_day0001.000.h5")
    assert np.isnan(bad.state["rankl"][1, 2, 3])
    monkeypatch.undo()
    made = run(diseased(), tmp_path, resume="latest")
    assert made.metrics["time_day"][-1] == 3


FOREIGN: dict[str, Callable[[Path], object]] = {
    "absent": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_checkpoint_is_refused(kind: str, complete: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    FOREIGN[kind](path)
    with pytest.raises(InputError, match=r"x\.h5 (does not exist|is truncated, damaged)"):
        run(diseased(), complete.folder, resume=str(path))


def test_a_snapshot_is_no_checkpoint(complete: Run) -> None:
    with pytest.raises(InputError, match="is HDF5 but not a checkpoint"):
        run(diseased(), complete.folder, resume=str(complete.snapshots[0]))
    assert read_snapshot(complete.snapshots[0]).time == 0


@pytest.fixture
def old(complete: Run, tmp_path: Path) -> Path:
    """Folder of a run whose checkpoints have the format of tissue 0.2.0."""
    folder = tmp_path / "old"
    shutil.copytree(complete.folder, folder)
    for path in list_checkpoints(folder):
        with h5py.File(path, "r+") as file:
            file.attrs["format_version"] = "2.0"
            del file["state/lining_cells"]
        path.write_bytes(path.read_bytes() + footer(path.read_bytes()))
    return folder


@pytest.mark.parametrize("where", ["latest", "1 day", "ckpt_day0001.000.h5"])
def test_checkpoints_of_an_older_version_are_refused_in_one_sentence(
    old: Path, where: str, capfd: Any
) -> None:
    before = contents(old)
    words = ["run", str(old / "run.toml"), "--out", str(old), "--quiet", f"--resume={where}"]
    assert main(words) == 2
    (refusal,) = capfd.readouterr().err.splitlines()
    assert "has the checkpoint format 2.0 of tissue 0.2.0, which this version cannot" in refusal
    assert "finish the run with tissue 0.2.0, or start it again" in refusal
    assert contents(old) == before


def test_no_branch_leaves_a_checkpoint_of_an_older_version(
    old: Path, tmp_path: Path, capfd: Any
) -> None:
    words = ["branch", str(old), str(old / "run.toml"), "--at", "1 day", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "branch"), "--resume"]) == 2
    assert "ckpt_day0001.000.h5 has the checkpoint format 2.0" in capfd.readouterr().err
    assert not (tmp_path / "branch").exists()
