"""Snapshots written while the next steps run are those that would be written at once."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import jax
import numpy as np
import pytest

from tissue.cli import main
from tissue.errors import RunError
from tissue.scenario.config import RunConfig
from tissue.simulation import output
from tissue.simulation.output_forecast import KEPT_BITS
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import write_snapshot

TINY = Path(__file__).parents[1] / "tiny.toml"
SLOW = 0.3  # seconds, in which many steps of the smallest run are done


def contents(path: Path) -> dict[str, Any]:
    """Every dataset and attribute of a file by its path; every way to a dataset counts."""
    found: dict[str, Any] = {}

    def enter(name: str, item: h5py.Group | h5py.Dataset) -> None:
        skipped = {"REFERENCE_LIST", "DIMENSION_LIST"}  # addresses within the file
        found.update({f"{name}@{key}": item.attrs[key] for key in set(item.attrs) - skipped})
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]
            return
        for key in item:
            enter(f"{name}/{key}", item[key])

    with h5py.File(path) as file:
        enter("", file)
    return found


def slow(folder: Path, **given: Any) -> Path:
    time.sleep(SLOW)
    return write_snapshot(folder, **given)


def stopping(step: int, error: BaseException) -> Callable[[Simulation], Any]:
    """A step that fails instead of the one after `step`."""
    advance = Simulation.advance

    def stopped(self: Simulation) -> Any:
        if self.step == step:
            raise error
        return advance(self)

    return stopped


def no_writer_is_left() -> bool:
    return all(thread.name != "tissue-writer" for thread in threading.enumerate())


def test_a_run_writes_what_would_be_written_at_once(
    finished: Run, tiny: RunConfig, tmp_path: Path
) -> None:
    simulation = Simulation(tiny)
    for path in finished.snapshots:
        with h5py.File(path) as file:
            step, made = int(file.attrs["step"]), dict(file["provenance"].attrs)
        while simulation.step < step:
            simulation.advance()
        fields = {k: np.array(v) for k, v in output.rounded(simulation.fields()).items()}
        again = write_snapshot(
            tmp_path,
            grid=simulation.geometry.grid,
            step=step,
            time=simulation.time,
            fields=fields,
            provenance=made,
            kept_bits=dict.fromkeys(fields.keys() - {output.EXACT}, KEPT_BITS),
        )
        written, expected = contents(path), contents(again)
        assert written.keys() == expected.keys()
        assert len(written) > 100
        for name, value in expected.items():
            np.testing.assert_array_equal(written[name], value, err_msg=name)
    assert no_writer_is_left()


def test_fields_outlive_the_memory_of_their_state(tiny: RunConfig) -> None:
    simulation = Simulation(tiny)
    fields, state = simulation.fields(), simulation.state
    assert set(fields) == set(tiny.output.fields)
    expected = {name: np.array(values) for name, values in simulation.fields().items()}
    for leaf in jax.tree.leaves(state):
        leaf.delete()  # as a step does that takes the memory of its state for the next one
    for name, values in fields.items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_slow_disk_changes_nothing_but_the_time(
    monkeypatch: pytest.MonkeyPatch, finished: Run, tiny: RunConfig, tmp_path: Path
) -> None:
    monkeypatch.setattr(output, "write_snapshot", slow)
    done = run(tiny, tmp_path)
    assert [path.name for path in done.snapshots] == [path.name for path in finished.snapshots]
    for index in range(len(done.snapshots)):
        for name in tiny.output.fields:
            np.testing.assert_array_equal(done.field(name, index), finished.field(name, index))


def test_little_is_held_for_a_slow_disk(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    made: list[int] = []
    written: list[int] = []
    held: list[int] = []
    fields = Simulation.placed_fields

    def counted(self: Simulation) -> Any:
        made.append(self.step)
        held.append(len(made) - len(written))
        return fields(self)

    def noted(folder: Path, **given: Any) -> Path:
        path = slow(folder, **given)
        written.append(given["step"])
        return path

    monkeypatch.setattr(Simulation, "placed_fields", counted)
    monkeypatch.setattr(output, "write_snapshot", noted)
    run(tiny.changed({"output.snapshots": "0.5 day", "output.checkpoints": "1 day"}), tmp_path)
    assert made == written == [0, 1, 2, 3, 4]
    assert max(held) == 2  # one that is written and one that waits


def test_a_step_that_fails_names_a_snapshot_that_was_still_to_be_written(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    monkeypatch.setattr(output, "write_snapshot", slow)
    monkeypatch.setattr(Simulation, "advance", stopping(2, RunError("stopped in step 3: no")))
    with pytest.raises(
        RunError, match=r"step 3: no; results up to snap_day0001\.000\.hdf in .* are"
    ):
        run(tiny, tmp_path)
    assert len(open_run(tmp_path).snapshots) == 2
    assert no_writer_is_left()


def test_an_interruption_loses_no_snapshot_that_was_due(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(output, "write_snapshot", slow)
    monkeypatch.setattr(Simulation, "advance", stopping(2, KeyboardInterrupt()))
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 130
    assert "interrupted; all files on disk are complete" in capfd.readouterr().err
    assert [path.name[5:-4] for path in open_run(tmp_path).snapshots] == [
        "day0000.000",
        "day0001.000",
    ]
    assert not list(tmp_path.glob("*.tmp"))
    assert no_writer_is_left()


@pytest.mark.parametrize(
    ("fails_from", "left"), [(0, "has no complete snapshot"), (2, "up to snap_day0000")]
)
def test_a_failing_disk_stops_the_run_and_names_intact_output(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    fails_from: int,
    left: str,
) -> None:
    def full(folder: Path, **given: Any) -> Path:
        if given["step"] >= fails_from:
            raise OSError(28, "No space left on device")
        return write_snapshot(folder, **given)

    monkeypatch.setattr(output, "write_snapshot", full)
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 1
    reported = capfd.readouterr().err
    assert f"{tmp_path} cannot be written to (No space left on device); " in reported
    assert left in reported
    assert reported.count("\n") == 1
    assert no_writer_is_left()


def test_a_bug_in_the_writer_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    def wrong(folder: Path, **given: Any) -> Path:
        raise ValueError("a bug")

    monkeypatch.setattr(output, "write_snapshot", wrong)
    with pytest.raises(ValueError, match="a bug"):
        run(tiny, tmp_path)
    assert no_writer_is_left()
