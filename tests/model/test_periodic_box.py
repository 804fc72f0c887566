"""Tissue in a periodic box: bone, cells and solutes continue at its other end."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.bone import bone_geometry, may_move
from tissue.model.conservation import StepRecord, budgets
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing
from tissue.model.homeostasis import healthy_state
from tissue.model.mechanostat import local_density
from tissue.model.parameters import preset
from tissue.model.state import HealthyReference, State
from tissue.model.step import advance

SPACING = 10.0
P = preset("mouse")
ROUND = (7, -5, 11)
ALL = (-3, -2, -1)
EVERYWHERE = (
    "bone_volume_fraction",
    "il1",
    "rankl",
    "opg",
    "osteoclast_precursors",
    "osteoblast_precursors",
    "endosteal_supply",
)
FIELDS = (*EVERYWHERE, "osteoclasts", "osteoblasts", "coupling_store")


@pytest.fixture(scope="module")
def phi() -> np.ndarray:
    """Made by Fourier modes, so that what leaves at one end comes in at the other."""
    settings = SyntheticSettings((16, 18, 20), SPACING, bv_tv=0.25, thickness=50.0, seed=3)
    return np.asarray(synthesize(settings).bone_volume_fraction, np.float64)


def health(phi: np.ndarray, periodic: tuple[int, ...] = ALL) -> tuple[State, HealthyReference]:
    exact = Numerics(SPACING, 1e-11, periodic)
    state, healthy, _ = healthy_state(
        jnp.asarray(phi), P, exact, load_from_density=True, tgf_beta_chemotaxis=True
    )
    return state, healthy


def ran(phi: np.ndarray, il1: float) -> SimpleNamespace:
    """Health, and the tissue after three days."""
    start, healthy = health(phi)
    state, n = start, Numerics(SPACING, 1e-9, ALL)
    for _ in range(3):
        before = state
        state, diagnostics = advance(
            state, StepContext(Forcing(excess={"il1": il1}), P, n, healthy), 1.0, 1.0
        )
    return SimpleNamespace(start=start, before=before, after=state, diagnostics=diagnostics)


@pytest.fixture(scope="module")
def ill(phi: np.ndarray) -> SimpleNamespace:
    """Bone under IL-1."""
    return ran(phi, 10.0)


def differences(one: State, other: State) -> dict[str, float]:
    """Largest difference of every field over its largest value."""
    pairs = {name: [np.asarray(s.fields[name]) for s in (one, other)] for name in FIELDS}
    return {name: np.abs(a - b).max() / np.abs(a).max() for name, (a, b) in pairs.items()}


def moved(state: State) -> State:
    return jax.tree.map(lambda field: jnp.roll(field, ROUND, (0, 1, 2)), state)


@pytest.mark.slow
def test_tissue_is_the_same_wherever_its_box_begins(phi: np.ndarray, ill: SimpleNamespace) -> None:
    """Bone that is moved round its box does the same, moved round."""
    other = ran(np.roll(phi, ROUND, (0, 1, 2)), 10.0)
    off = differences(moved(ill.after), other.after)
    assert max(off.values()) < 1e-5, off
    lost = [float(s.bone_volume_fraction.sum()) for s in (ill.start, ill.after)]
    assert lost[1] < 0.98 * lost[0]


@pytest.mark.slow
def test_walls_make_a_difference(phi: np.ndarray, ill: SimpleNamespace) -> None:
    walled, _ = health(phi, ())
    off = differences(ill.start, walled)
    assert off["rankl"] > 0.01
    assert off["osteoclast_precursors"] > 0.01


@pytest.mark.slow
def test_health_stands_still_in_a_periodic_box(phi: np.ndarray) -> None:
    still = ran(phi, 0.0)
    off = differences(still.start, still.after)
    assert max(off[name] for name in EVERYWHERE) < 1e-8, off
    surface = np.asarray(still.diagnostics.geometry.exchange.surface)
    for cells in ("osteoclasts", "osteoblasts", "coupling_store"):
        on_bone = np.asarray(getattr(still.after, cells))[surface > 0]
        assert np.ptp(on_bone) < 1e-8 * on_bone.max()


def test_bone_may_be_resorbed_across_a_periodic_face() -> None:
    bone = np.ones((4, 4, 12))
    bone[..., -2:] = 0
    for periodic, expected in (((-1,), True), ((), False)):
        geometry = bone_geometry(jnp.asarray(bone), SPACING, P, periodic)
        assert bool(np.asarray(may_move(jnp.asarray(bone), geometry))[..., 0].all()) == expected


@pytest.mark.slow
def test_budgets_close_in_a_periodic_box(ill: SimpleNamespace) -> None:
    for name, budget in budgets(StepRecord(ill.before, ill.after, ill.diagnostics)).items():
        assert abs(float(budget.residual)) < 1e-9, name


def test_load_is_shared_across_a_periodic_face() -> None:
    bone = jnp.zeros((8, 9, 40)).at[..., 0].set(1.0)
    density = np.asarray(local_density(bone, SPACING, P, (-1,)))[4, 4]
    assert_allclose(density[1:], density[:0:-1], rtol=1e-9)
    walled = np.asarray(local_density(bone, SPACING, P))[4, 4]
    assert walled[39] < 0.3 * walled[0]
    assert density[39] > 0.9 * density[0]
