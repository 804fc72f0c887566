"""Bone under the load of finite elements that no longer reaches the ends of its box."""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose
from simulation.diseased_run import assert_same, cut_after
from simulation.loaded_run import EDGE, config

from tissue.errors import RunError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.kernels.stencil import Field
from tissue.mechanics.compression import compress
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import load_stimulus
from tissue.simulation import loaded_bone
from tissue.simulation.loaded_bone import LoadedBone, healthy_load, solved_again
from tissue.simulation.run import run
from tissue.simulation.simulation import load_geometry


class Broken(NamedTuple):
    """Bone as it was solved in health, and later: thinner, and broken along z."""

    before: LoadedBone
    bone: Field

    def solved_again(self, bone: Field, time: float = 3.0) -> LoadedBone:
        return solved_again(self.before, bone, time, NUMERICS, config().acting, "confined")


NUMERICS = Numerics(spacing=10.0, tolerance=1e-4)


def felt(loaded: LoadedBone, bone: Field) -> npt.NDArray[np.float64]:
    """Stimulus of load on a bone."""
    p = config().acting
    context = StepContext(Forcing(), p, NUMERICS, solved=loaded.load(NUMERICS, p))
    return np.asarray(load_stimulus(bone, context), np.float64)


@pytest.fixture(scope="module")
def broken() -> Broken:
    bone = jnp.asarray(load_geometry(config()).bone_volume_fraction, jnp.float32)
    thinned = bone.at[:, :, : EDGE // 2].multiply(0.9)
    return Broken(healthy_load(bone, NUMERICS, config()), thinned.at[EDGE // 2].set(0))


def test_broken_bone_has_no_strength_and_bears_on(
    broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    after = broken.solved_again(broken.bone)
    assert "day 3: bone no longer reaches both ends in z: its stiffness there is 0" in caplog.text
    assert after.metrics["failure_load_z_N"] == after.metrics["apparent_modulus_z_MPa"] == 0
    assert after.metrics["failure_load_z_change_percent"] == -100
    assert after.metrics["apparent_modulus_x_MPa"] > 0


def test_the_load_on_broken_bone_does_not_jump(broken: Broken) -> None:
    after = broken.solved_again(broken.bone)
    usual = felt(broken.before, broken.bone)
    assert usual.min() > 0.05  # as bone has been lost since the last solve
    assert_allclose(felt(after, broken.bone), usual, rtol=1e-5)
    thinner = 0.95 * broken.bone
    more = felt(after, thinner)
    assert (more > usual).all()
    assert_allclose(more, felt(broken.before, thinner), rtol=1e-5)
    again = broken._replace(before=after).solved_again(thinner)
    assert_allclose(felt(again, thinner), more, rtol=1e-5)
    assert again.log_energy_ratio.dtype == broken.before.log_energy_ratio.dtype


def test_a_break_is_told_of_once(broken: Broken, caplog: pytest.LogCaptureFixture) -> None:
    once = broken._replace(before=broken.solved_again(broken.bone))
    twice = once._replace(before=once.solved_again(0.9 * broken.bone))
    assert caplog.text.count("bone no longer reaches") == 1
    twice.solved_again(broken.bone.at[:, EDGE // 2].set(0))
    assert caplog.text.count("bone no longer reaches") == 2
    assert "both ends in y and z" in caplog.text
    twice.solved_again(0 * broken.bone)
    assert "both ends in x, y and z" in caplog.text


def test_axes_that_hold_are_solved_once_and_from_where_they_were(
    broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[tuple[str, ...]] = []

    def counted(*arguments: Any) -> Any:
        solved.append(tuple(arguments[1]))
        return compress(*arguments)

    monkeypatch.setattr(loaded_bone, "compress", counted)
    after = broken.solved_again(broken.bone)
    assert solved == [("x", "y")]
    assert after.displacement["z"] is broken.before.displacement["z"]
    for axis in "xy":
        change = np.abs(after.displacement[axis] - broken.before.displacement[axis])
        assert change.max() > 1e-3


def test_a_solve_that_fails_leaves_the_run_its_last_one(
    broken: Broken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any) -> None:
        raise RunError("compression along x did not converge")

    before, bone = broken.before, 0.95 * broken.before.bone
    monkeypatch.setattr(loaded_bone, "compress", failing)
    after = broken.solved_again(bone)
    assert "compression along x did not converge; the load that bone feels goes on" in caplog.text
    assert after.metrics == {**before.metrics, "fe_iterations": 0}
    assert not after.due(bone, 4.0, "mouse", shown=True)
    assert_allclose(felt(after, bone), felt(before, bone), rtol=1e-5)
    assert felt(before, bone).min() > 0.05


def test_a_break_is_told_where_the_solve_of_the_other_axes_fails(
    broken: Broken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any) -> None:
        raise RunError("compression along x did not converge")

    monkeypatch.setattr(loaded_bone, "compress", failing)
    after = broken.solved_again(broken.bone)
    assert "bone no longer reaches both ends in z: its stiffness there is 0" in caplog.text
    assert "strength along the other axes is that of the last solve" in caplog.text
    assert after.broken == ("z",)
    lost = ("apparent_modulus_z_MPa", "stiffness_z_N_per_mm", "failure_load_z_N", "fe_iterations")
    changes = ("stiffness_z_change_percent", "failure_load_z_change_percent")
    expected = dict.fromkeys(lost, 0) | dict.fromkeys(changes, -100)
    assert after.metrics == {**broken.before.metrics, **expected}
    assert_allclose(felt(after, broken.bone), felt(broken.before, broken.bone), rtol=1e-5)
    broken._replace(before=after).solved_again(broken.bone)
    assert caplog.text.count("bone no longer reaches") == 1


def eaten_through() -> Geometry:
    """Two plates that a thin strut of scarcely filled voxels joins."""
    bone = np.zeros((EDGE,) * 3)
    bone[:3] = bone[-3:] = 1
    bone[3:-3, 3:5, 3:5] = 0.012
    return Geometry(Grid(bone.shape, 10.0), bone, (), ())


def test_a_run_goes_on_where_a_strut_is_eaten_through_and_resumes_bit_for_bit(
    tmp_path: Path,
) -> None:
    given = config(disease={"il1_excess": "30 pM"})
    done = run(given, tmp_path / "whole", geometry=eaten_through())
    failure_load, solves = done.metrics["failure_load_z_N"], done.metrics["fe_iterations"] > 0
    first = int(np.argmax(failure_load == 0))
    assert 1 < first < len(failure_load) - 1
    assert (failure_load[:first] > 0).all()
    assert (failure_load[first:] == 0).all()
    assert solves[first]
    assert solves[first + 1 :].any()  # along the axes that hold
    log = (done.folder / "run.log").read_text(encoding="utf-8")
    assert log.count("bone no longer reaches both ends in z") == 1
    for number in (first - 1, first):
        folder = cut_after(done.folder, tmp_path / f"{number}", number)
        run(given, folder, resume="latest")
        assert_same(done.folder, folder)
        last = (folder / "run.log").read_text(encoding="utf-8").rpartition("resumed")[2]
        assert last.count("no longer reaches") == (number < first)
