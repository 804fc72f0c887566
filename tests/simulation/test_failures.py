"""A run that has to stop says why, and everything it wrote before is whole."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax.errors import JaxRuntimeError

from tissue.cli import main
from tissue.errors import RunError
from tissue.model import step
from tissue.model.state import State
from tissue.scenario.config import RunConfig
from tissue.simulation import output
from tissue.simulation import run as running
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import write_snapshot

TINY = Path(__file__).parents[1] / "tiny.toml"
VOXEL = (1, 2, 3)
STEP = 3


def put(name: str, value: float) -> Callable[[State], State]:
    """A change of one voxel of a field."""
    return lambda state: replace(state, **{name: getattr(state, name).at[VOXEL].set(value)})


def shrink(state: State) -> State:
    return replace(state, bone_volume_fraction=0.99 * state.bone_volume_fraction)


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[State], State]) -> None:
    """Changes what step STEP computes."""
    advance = step.advance
    calls = iter(range(1, 100))

    def spoilt(*arguments: Any) -> Any:
        state, account = advance(*arguments)
        return (change(state) if next(calls) == STEP else state), account

    monkeypatch.setattr(simulating, "advance", spoilt)


FAILURES = [
    (put("rankl", np.nan), r"rankl is nan in voxel \[1, 2, 3\] \(1 of 512 voxels wrong\)"),
    (put("il1", np.inf), r"il1 is inf in voxel \[1, 2, 3\]"),
    (put("osteoclasts", -1.0), r"osteoclasts is -1 in voxel \[1, 2, 3\]"),
    (put("bone_volume_fraction", 1.5), r"bone_volume_fraction is 1.5 in voxel \[1, 2, 3\]"),
    (shrink, r"the bone budget does not close: relative residual .* > 1e-05"),
]


@pytest.mark.parametrize(
    ("change", "message"), FAILURES, ids=["nan", "inf", "negative", "more than full", "budget"]
)
def test_the_message_names_what_is_wrong_and_what_is_safe(
    monkeypatch: pytest.MonkeyPatch,
    tiny: RunConfig,
    finished: Run,
    tmp_path: Path,
    change: Callable[[State], State],
    message: str,
) -> None:
    spoil(monkeypatch, change)
    pattern = f"stopped in step 3: {message}.*up to snap_0000000002.hdf in .* are whole"
    with pytest.raises(RunError, match=pattern) as raised:
        run(tiny, tmp_path)
    assert "\n" not in str(raised.value)
    left = open_run(tmp_path)
    assert len(left.metrics["time_day"]) == STEP
    for name, column in left.metrics.items():
        np.testing.assert_array_equal(column, finished.metrics[name][:STEP])
    for name, column in left.ledger.items():
        np.testing.assert_array_equal(column, finished.ledger[name][: STEP - 1])
    assert [path.name for path in left.snapshots] == ["snap_0000000000.hdf", "snap_0000000002.hdf"]
    for name in tiny.fields:
        np.testing.assert_array_equal(left.field(name), finished.field(name, 1))
    assert not list(tmp_path.glob("*.tmp"))


def test_a_failed_step_is_not_taken(monkeypatch: pytest.MonkeyPatch, tiny: RunConfig) -> None:
    spoil(monkeypatch, put("rankl", np.nan))
    simulation = Simulation(tiny)
    simulation.advance()
    simulation.advance()
    before = simulation.state
    with pytest.raises(RunError, match="step 3"):
        simulation.advance()
    assert simulation.step == 2
    assert simulation.state is before
    simulation.advance()
    assert jnp.isfinite(simulation.state.rankl).all()


def test_the_command_tells_it_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spoil(monkeypatch, put("rankl", np.nan))
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("tissue: stopped in step 3: rankl is nan")
    assert err.count("\n") == 1


def test_a_full_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    def full(folder: Path, **given: Any) -> Path:
        if given["step"]:
            raise OSError(28, "No space left on device")
        return write_snapshot(folder, **given)

    monkeypatch.setattr(output, "write_snapshot", full)
    with pytest.raises(
        RunError, match=r"after step [234]: .* cannot be written to \(No space left"
    ):
        run(tiny, tmp_path)
    assert len(open_run(tmp_path).snapshots) == 1


def test_too_little_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    for error in (MemoryError(), JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")):
        monkeypatch.setattr(running, "Simulation", raising(error))
        with pytest.raises(RunError, match="memory is too small for this grid; use coarser"):
            run(tiny, tmp_path)
    monkeypatch.setattr(running, "Simulation", raising(JaxRuntimeError("INTERNAL: a bug")))
    with pytest.raises(JaxRuntimeError, match="INTERNAL"):
        run(tiny, tmp_path)


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_an_interrupted_run_is_whole(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    finished: Run,
    tmp_path: Path,
) -> None:
    advance = Simulation.advance

    def interrupted(self: Simulation) -> Any:
        if self.step == STEP:
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Simulation, "advance", interrupted)
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 130
    assert capfd.readouterr() == ("", "tissue: interrupted; what is on disk is whole\n")
    left = open_run(tmp_path)
    assert len(left.snapshots) == 2
    np.testing.assert_array_equal(left.metrics["bv_tv"], finished.metrics["bv_tv"][: STEP + 1])
