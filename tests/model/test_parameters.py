import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tissue import units
from tissue.errors import InputError
from tissue.model.parameters import (
    PRESETS,
    QUANTITIES,
    Parameters,
    as_text,
    describe,
    override,
    preset,
)

SPECIES = {
    "mouse": {
        "v_0": 0.20,
        "C_0": 100,
        "B_0": 1000,
        "delta_C": 1 / 8,
        "delta_B": 1 / 12,
        "k_E": 1 / 6,
        "M_0": 8000,
        "delta_M": 0.3,
        "P_0": 2000,
        "delta_P": 0.1,
        "n_f": 8,
        "n_p": 4,
        "t_E": 1e9,
        "tau_E": 1e9,
        "r_age": 0,
        "k_Q": 1 / 20,
        "delta_Q": 1 / 60,
        "tau_q": 90,
    },
    "human": {
        "v_0": 0.05,
        "C_0": 7,
        "B_0": 330,
        "delta_C": 1 / 12,
        "delta_B": 1 / 50,
        "k_E": 1 / 25,
        "M_0": 1000,
        "delta_M": 0.1,
        "P_0": 1000,
        "delta_P": 0.03,
        "n_f": 10,
        "n_p": 4,
        "t_E": 730,
        "tau_E": 2555,
        "r_age": 0.0024 / 365.25,
        "k_Q": 1 / 60,
        "delta_Q": 1 / 180,
        "tau_q": 1000,
    },
}
COMMON = {
    "D_I": 40 * 86400,
    "D_R": 20 * 86400,
    "D_O": 15 * 86400,
    "D_M": 20000,
    "D_P": 5000,
    "chi_R": 60000,
    "chi_I": 15000,
    "D_sC": 100,
    "D_sB": 20,
    "K_A": 150,
    "R_0": 10,
    "O_0": 60,
    "R_perm": 0.5,
    "n_perm": 2,
    "k_I": 24,
    "k_R": 5,
    "k_O": 4,
    "kappa": 0.30,
    "leak": 0,
    "chi_act": 0.2,
    "eps_min": 0.02,
    "w_Y": 0.6,
    "v_B": 0.6,
    "alpha_share": 0,
    "EC50_alpha": 130,
    "D_T": 20 * 86400,
    "k_T": 24,
    "n_Td": 2,
    "g_T": 1 / 11.5,
    "D_I6": 38 * 86400,
    "k_I6": 44,
    "omega_I": 0,
    "a_TR": 0,
    "sigma_U": 200,
    "D_G": 5 * 86400,
    "k_G": 300,
    "theta_G": 16000,
    "chi_G": 10000,
    "K_Z": 3,
}


def test_more_lining_cells_than_osteoblasts_retire_are_refused() -> None:
    with pytest.raises(InputError, match=r"parameters.delta_L, L_0, w_L: 1.85 .* at most 1"):
        override(preset("mouse"), {"delta_L": "0.05 1/day"})


@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_the_values_of_their_sources(name: str) -> None:
    # in the units of the model; what calibration sets is not repeated here
    found, expected = dataclasses.asdict(preset(name)), COMMON | SPECIES[name]
    assert {symbol: found[symbol] for symbol in expected} == expected


@pytest.mark.parametrize(("name", "k_res", "k_form"), [("mouse", 2000, 200), ("human", 7143, 152)])
def test_derived_quantities(name: str, k_res: float, k_form: float) -> None:
    healthy = preset(name)
    # um mm^2/cell/day to um^3/cell/day
    np.testing.assert_allclose(float(healthy.k_res) * 1e6, k_res, rtol=1e-3)
    np.testing.assert_allclose(float(healthy.k_form) * 1e6, k_form, rtol=4e-3)
    half = healthy.EC50 * (1 + healthy.A_0 / healthy.K_A)
    np.testing.assert_allclose(float(healthy.s_0), healthy.I_0 / (healthy.I_0 + half))
    half *= healthy.EC50_B / healthy.EC50
    np.testing.assert_allclose(float(healthy.s_B0), healthy.I_0 / (healthy.I_0 + half))
    np.testing.assert_allclose(float(healthy.E_0) * healthy.k_E, healthy.v_0)
    assert (healthy.S_R0, healthy.S_O0) == (230, 420)
    np.testing.assert_allclose(healthy.S_I0, 24 * healthy.I_0)
    np.testing.assert_allclose([float(healthy.w_P), float(healthy.v_P)], 0.4)
    # lining cells are lost by activation and death as fast as osteoblasts retire to them
    lost = (healthy.k_L0 + healthy.delta_L) * healthy.L_0
    np.testing.assert_allclose(lost, healthy.f_L * healthy.delta_B * healthy.B_0)
    assert 0 < healthy.f_L < 1
    # What binding consumes is the same in both budgets.
    rankl = healthy.S_R0 - healthy.k_R * healthy.R_0
    assert rankl == healthy.S_O0 - healthy.k_O * healthy.O_0 == 180


@pytest.mark.parametrize("name", PRESETS)
def test_every_entry_is_documented_and_in_its_range(name: str) -> None:
    entries = describe(name)
    assert [entry.symbol for entry in entries] == list(QUANTITIES)
    for entry in entries:
        assert entry.name
        assert entry.source
        assert entry.confidence in ("low", "medium", "high")
        assert entry.low <= entry.value <= entry.high
        units.parse(units.format(entry.value, entry.unit), QUANTITIES[entry.symbol].unit)


def test_shown_in_the_unit_of_the_source() -> None:
    entry = next(entry for entry in describe("mouse") if entry.symbol == "D_I")
    assert (entry.unit, entry.value, entry.low, entry.high) == ("um^2/s", 40, 10, 100)


def test_labels_of_weak_evidence_are_kept() -> None:
    sources = {entry.symbol: entry.source for entry in describe("human")}
    assert "remembered" in sources["D_I"]
    assert "assumption" in sources["M_0"]
    assert "SWAN" in sources["a_R"]
    assert not [symbol for symbol, source in sources.items() if "V0" in source]


def test_unknown_preset() -> None:
    with pytest.raises(InputError, match="did you mean 'mouse'"):
        preset("Mous")


def test_override_reads_units_and_warns() -> None:
    changed, warnings = override(
        preset("mouse"), {"D_M": "200000 um^2/day", "a_R": 2, "D_I": "30 um^2/s", "w_Y": "70 %"}
    )
    assert (changed.D_M, changed.a_R, changed.D_I, changed.w_Y) == (2e5, 2, 30 * 86400, 0.7)
    assert warnings == (
        "parameters.D_M = 200000 um^2/day is outside its plausible range 5000 to 100000 um^2/day",
    )


def test_warnings_know_the_species() -> None:
    _, any_species = override(preset("mouse"), {"C_0": "5 cells/mm^2"})
    _, mouse = override(preset("mouse"), {"C_0": "5 cells/mm^2"}, species="mouse")
    assert (len(any_species), len(mouse)) == (0, 1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("d_m", "1 um^2/day", "did you mean D_M"),
        ("k_r", "1 1/day", "did you mean k_R .* or K_R"),
        ("EC5", "1 pM", "did you mean EC50"),
        ("osteoclast death rate", "1 1/day", r"did you mean .*delta_C \(osteoclast death rate\)"),
        ("reversal delay", "1 1/day", "did you mean k_E"),
        ("zzz", 1, "known are D_I"),
        ("D_I", "3 pM", "is a concentration: a diffusivity is needed, e.g. '3 um.2/s'"),
        ("D_I", 40, r"'40' has no unit.*'40 um\^2/s'.*range 10 to 100 um\^2/s"),
        ("D_I", "0 um^2/s", "must be > 0"),
        ("D_I", "-3 um^2/s", "must be > 0"),
        ("EC50", "0 pM", "must be > 0"),
        ("M_0", "0 cells/mm^3", "must be > 0"),
        ("a_R", -1, "must be >= 0"),
        ("a_O", -1, "must be > -1"),
        ("w_Y", 1.5, "at most 1"),
        ("eps_min", 1, "between 0 and 1"),
        ("a_R", True, "not a quantity"),
        ("a_R", [1], "not a quantity"),
        ("a_R", float("nan"), "finite number"),
        ("a_R", "3 pM", "a pure number is needed"),
    ],
)
def test_override_refuses(key: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        override(preset("mouse"), {key: value})
    assert str(raised.value).startswith(f"parameters.{key}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("key", "value"), [("a_R", 0), ("chi_I", "0 um^2/day"), ("a_O", -0.5)])
def test_effects_can_be_switched_off(key: str, value: object) -> None:
    changed, _ = override(preset("mouse"), {key: value})
    assert getattr(changed, key) == (value if isinstance(value, float) else 0)


@pytest.mark.parametrize("name", PRESETS)
def test_text_reads_back_unchanged(name: str) -> None:
    odd = dataclasses.replace(preset(name), D_I=0.1 + 0.2, EC50=1 / 3, n_f=1 / 12)
    other = preset("human" if name == "mouse" else "mouse")
    assert override(other, as_text(odd))[0] == odd


def test_is_a_pytree_of_traced_leaves() -> None:
    healthy = preset("mouse")
    leaves, structure = jax.tree.flatten(healthy)
    assert len(leaves) == len(QUANTITIES)
    assert jax.tree.unflatten(structure, leaves) == healthy

    compilations = 0

    @jax.jit
    def signal(parameters: Parameters) -> jax.Array:
        nonlocal compilations
        compilations += 1
        return jnp.asarray(parameters.s_0)

    signal(healthy)
    signal(dataclasses.replace(healthy, EC50=20.0))
    assert compilations == 1

    def signal_at(half: jax.Array) -> jax.Array:
        return jnp.asarray(dataclasses.replace(healthy, EC50=half).s_0)

    signals = np.asarray(jax.vmap(signal_at)(jnp.array([5.0, 10.0, 20.0])))
    assert np.all(np.diff(signals) < 0)
    slope: Parameters = jax.grad(signal)(healthy)
    assert slope.EC50 < 0 < slope.I_0
