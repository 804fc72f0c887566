"""Bone's answer to load, and to the matrix factors that resorption frees."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.kernels.surface import move
from tissue.model import cytokines, osteoclast_responses
from tissue.model.bone import bone_geometry, surface_mean
from tissue.model.context import Numerics, SolvedLoad, StepContext
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import load_stimulus, local_density, log_osteocyte_signal
from tissue.model.parameters import Parameters, preset
from tissue.model.state import HealthyReference, State

P = preset("mouse")
INSTANT = 1e-6
SPACING = 10.0


@pytest.fixture(scope="module")
def loaded(make_tissue: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    """A bone that answers to load."""
    return make_tissue(mechanostat=True)


def thinned(tissue: SimpleNamespace, depth: float, part: slice = slice(None)) -> State:
    """The healthy bone with some um of it gone, in part of its columns."""
    phi = tissue.state.bone_volume_fraction
    gone = jnp.zeros_like(phi).at[..., part].set(depth)
    return replace(tissue.state, bone_volume_fraction=move(phi, gone, 0 * gone, SPACING, 1.0).phi)


def stimulus(phi: Array, density: Array | None, p: Parameters = P) -> Array | float:
    """Load stimulus of a bone whose healthy local density is `density`."""
    nothing = jnp.zeros(())
    reference = HealthyReference(
        osteoclast_precursors=nothing,
        osteoblast_precursors=nothing,
        rank_occupancy=nothing,
        drive=nothing,
        marrow_per_surface=nothing,
        local_density=density,
    )
    return load_stimulus(phi, StepContext(Forcing(), p, Numerics(SPACING, 1e-9), reference))


def bone(state: State) -> float:
    return float(total(state.bone_volume_fraction))


def test_no_load_is_felt_in_health(loaded: SimpleNamespace, tissue: SimpleNamespace) -> None:
    phi = loaded.state.bone_volume_fraction
    assert not np.asarray(stimulus(phi, loaded.healthy.local_density)).any()
    after = [t.step(dt=2.0)[0].bone_volume_fraction for t in (loaded, tissue)]
    assert_allclose(after[0], after[1], atol=1e-7)


def test_load_is_told_from_the_local_density() -> None:
    phi = jnp.asarray(np.random.default_rng(0).random((6, 7, 8)))
    density = local_density(phi, SPACING, P)
    assert_allclose(local_density(jnp.full_like(phi, 0.3), SPACING, P), 0.3, rtol=1e-12)
    assert float(jnp.std(density)) < 0.1 * float(jnp.std(phi))
    found = stimulus(0.8 * phi, density)
    assert_allclose(found, P.g_mech * np.tanh(P.n_U * np.log(1 / 0.8)), rtol=1e-9)
    assert stimulus(phi, None) == 0
    assert_allclose(stimulus(0 * phi, density), P.g_mech, rtol=1e-9)  # all bone gone


def test_a_gaussian_averages_the_density() -> None:
    phi = jnp.zeros((9, 41, 9)).at[:, 20, :].set(1.0)
    found = np.asarray(local_density(phi, SPACING, replace(P, sigma_U=50.0)))[4, :, 4]
    gaussian = np.exp(-0.5 * ((np.arange(41) - 20) / 5) ** 2)
    assert_allclose(found[15:26], (gaussian / gaussian.sum())[15:26], rtol=1e-3)


def test_osteocytes_feel_the_energy_of_bone_near_by() -> None:
    phi = jnp.asarray(np.random.default_rng(0).random((9, 9, 41)))
    phi = phi.at[..., 20:].set(0)
    energy = jnp.where(phi > 0, 0.02, 0.0)
    even = np.asarray(log_osteocyte_signal(phi, energy, SPACING, P))
    assert_allclose(even, np.log(0.02), rtol=1e-9)  # also in marrow, however far from bone
    # per volume of bone: a voxel that is eroded by half does not bear less
    energy = energy.at[..., :10].set(0.04)
    found = np.exp(np.asarray(log_osteocyte_signal(phi, energy, SPACING, P)))
    place = np.arange(41) - np.arange(41)[:, None]
    gaussian = np.exp(-0.5 * (place * SPACING / 30.0) ** 2)
    gaussian /= gaussian.sum(axis=1, keepdims=True)
    across = np.asarray(phi).copy()
    for axis in (0, 1):
        n = across.shape[axis]
        away = np.arange(n) - np.arange(n)[:, None]
        weight = np.exp(-0.5 * (away * SPACING / 30.0) ** 2)
        weight /= weight.sum(axis=1, keepdims=True)
        across = np.moveaxis(np.tensordot(weight, across, (1, axis)), 0, axis)
    felt = (across * np.where(np.arange(41) < 10, 0.04, 0.02)) @ gaussian.T
    assert_allclose(found[..., :22], (felt / (across @ gaussian.T))[..., :22], rtol=1e-6)


def test_stimulus_is_that_of_energy_and_forces(tissue: SimpleNamespace) -> None:
    phi, ratio = tissue.state.bone_volume_fraction, jnp.full((20, 22, 24), 0.3)
    assert tissue.healthy.local_density is None

    def felt(load: float, energy: Array | None = ratio) -> Array | float:
        context = StepContext(Forcing(load=load), P, Numerics(SPACING, 1e-9), tissue.healthy)
        solved = None if energy is None else SolvedLoad(energy, local_density(phi, SPACING, P))
        return load_stimulus(phi, replace(context, solved=solved))

    assert_allclose(felt(1.0), P.g_mech * np.tanh(0.3), rtol=1e-9)
    # half the force is a quarter of the energy
    assert_allclose(felt(0.5), P.g_mech * np.tanh(0.3 + np.log(0.25)), rtol=1e-9)
    assert_allclose(felt(0.0), -P.g_mech, rtol=1e-9)
    assert felt(0.5, None) == 0  # no load acts
    # since the bone was solved it has lost a tenth of its density
    context = StepContext(Forcing(), P, Numerics(SPACING, 1e-9), tissue.healthy)
    solved = SolvedLoad(ratio, local_density(phi, SPACING, P) / 0.9)
    wanted = P.g_mech * np.tanh(0.3 + P.n_U * np.log(1 / 0.9))
    assert_allclose(load_stimulus(phi, replace(context, solved=solved)), wanted, rtol=1e-9)


def test_forces_act_beside_the_density(loaded: SimpleNamespace) -> None:
    phi, n = loaded.state.bone_volume_fraction, Numerics(SPACING, 1e-9)
    doubled = load_stimulus(phi, StepContext(Forcing(load=2.0), P, n, loaded.healthy))
    assert_allclose(doubled, P.g_mech * np.tanh(np.log(4)), rtol=1e-9)


def test_load_lowers_rankl_of_osteocytes_and_raises_formation(loaded: SimpleNamespace) -> None:
    state = thinned(loaded, 3.0)
    density = loaded.healthy.local_density
    load = np.asarray(stimulus(state.bone_volume_fraction, density))
    assert load.min() > 0.3

    def step(gain: float, osteocytes: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        forcing = Forcing(osteocyte_rankl=osteocytes)
        _, diagnostics = loaded.step(dt=INSTANT, state=state, forcing=forcing, g_mech=gain)
        done = diagnostics.terms
        here = np.asarray(done.geometry.exchange.surface) > 0
        relative_density = done.geometry.exchange.to_surface(
            done.osteoblasts.precursors.mean / loaded.healthy.osteoblast_precursors
        )
        return np.asarray(done.fluid.sources[0]), np.asarray(
            done.osteoblasts.recruited / relative_density
        )[here]

    (answering, formed), (deaf, plain), (silent, _) = (
        step(float(P.g_mech)),
        step(0.0),
        step(0.0, 0.0),
    )
    lowered = (deaf - answering).sum() / (deaf - silent).sum()
    assert P.u_Y * load.min() < lowered < P.u_Y * load.max()
    assert_allclose(lowered, P.u_Y * load.mean(), rtol=0.05)
    here = np.asarray(bone_geometry(state.bone_volume_fraction, SPACING, P).exchange.surface) > 0
    assert_allclose(formed / plain, 1 + P.u_B * load[here], rtol=1e-5)
    assert osteoclast_responses.osteocyte_rankl(jnp.asarray(3.0), Forcing(), P) == 0


def test_bone_with_load_comes_back_faster(loaded: SimpleNamespace, tissue: SimpleNamespace) -> None:
    healthy, start = bone(tissue.state), thinned(loaded, 3.0)
    left = {}
    for name, each in (("load", loaded), ("none", tissue)):
        state = start
        for _ in range(20):
            state, _ = each.step(dt=2.0, state=state)
        left[name] = (healthy - bone(state)) / (healthy - bone(start))
    assert left["load"] < 0.7
    assert left["load"] < left["none"] - 0.2


def test_load_is_felt_where_bone_is_missing(loaded: SimpleNamespace) -> None:
    p = replace(P, sigma_U=30.0)
    state = thinned(loaded, 3.0, slice(0, 12))
    density = local_density(loaded.state.bone_volume_fraction, SPACING, p)
    load = np.asarray(stimulus(state.bone_volume_fraction, density, p))
    assert load[..., :6].min() > 0.3
    assert abs(load[..., -3:]).max() < 0.05


# Matrix factors that steer osteoblast precursors


@pytest.fixture(scope="module")
def steered(make_tissue: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    return make_tissue(tgf_beta_chemotaxis=True)


def test_health_stands_still_with_steering(steered: SimpleNamespace) -> None:
    state = steered.state
    for dt in (0.1, 1.0, 5.0):
        state, diagnostics = steered.step(dt=dt, state=state)
    surface = np.asarray(diagnostics.geometry.exchange.surface) > 0
    for name in ("bone_volume_fraction", "osteoblast_precursors", "osteoblasts", "rankl"):
        after, before = (np.asarray(s.fields[name]) for s in (state, steered.state))
        assert_allclose(after[surface], before[surface], rtol=1e-5, atol=1e-6, err_msg=name)


def test_precursors_gather_where_matrix_is_resorbed(
    steered: SimpleNamespace, make_tissue: Callable[..., SimpleNamespace]
) -> None:
    geometry = bone_geometry(steered.state.bone_volume_fraction, SPACING, P)
    near = surface_mean(
        geometry, geometry.exchange.to_surface(steered.healthy.osteoblast_precursors)
    )
    assert near > 1.001 * 2000
    plain = make_tissue(tgf_beta_chemotaxis=True, chi_G=0.0)
    assert_allclose(plain.healthy.osteoblast_precursors, 2000, rtol=1e-7)
    ratio = []
    for each in (steered, plain):
        store = each.state.coupling_store.at[..., :12].mul(4.0)
        state = replace(each.state, coupling_store=store)
        after, _ = each.step(dt=1.0, state=state)
        density = np.asarray(after.osteoblast_precursors)[
            np.asarray(geometry.solute_porosity) > 0.9
        ]
        place = np.nonzero(np.asarray(geometry.solute_porosity) > 0.9)[2] < 12
        ratio.append(density[place].mean() / density[~place].mean())
    assert ratio[0] > 1.02 * ratio[1]


def test_what_resorption_frees_is_what_is_cleared(steered: SimpleNamespace) -> None:
    geometry = bone_geometry(steered.state.bone_volume_fraction, SPACING, P)
    store = steered.state.coupling_store.at[..., :12].mul(4.0)
    field = cytokines.tgf_beta(geometry, store, P, Numerics(SPACING, 1e-10))
    used = total(P.k_G * geometry.solute_porosity * field)
    freed = P.theta_G * P.k_E * total(geometry.exchange.surface * store)
    assert_allclose(used, freed, rtol=1e-8)
    # in health, a layer of matrix as thick as what is resorbed
    health = cytokines.tgf_beta(geometry, steered.state.coupling_store, P, Numerics(SPACING, 1e-10))
    assert_allclose(
        total(P.k_G * geometry.solute_porosity * health),
        16000 * 0.2 * total(geometry.exchange.surface),
        rtol=1e-6,
    )
