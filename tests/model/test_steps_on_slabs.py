"""Steps on slabs of the bone are those of one device, with metrics, budgets and checks."""

from pathlib import Path
from typing import Any

import pytest
from virtual_devices import results_of

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tissue" / "model"
FIELD = 16 * 12 * 10  # voxels of a field of two slabs of 8 planes
BONE, FIELDS, VOLUME = 1e-6, 1e-5, 1e-8
"""Largest differences: of the bone, of fields that solves to 1e-4 find, and of BV/TV."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return results_of(Path(__file__).with_name("slab_steps.py"))


def test_health_is_the_same(found: dict[str, Any]) -> None:
    tissue = {
        name: each
        for name, each in found["health"].items()
        if name.startswith((".state", ".reference"))
    }
    assert len(tissue) == 15 + 6
    assert max(tissue.values()) < FIELDS


def test_three_steps_are_the_same(found: dict[str, Any]) -> None:
    assert found["change"] > 1e-3
    assert found["state"][".bone_volume_fraction"] < BONE
    assert max(found["state"].values()) < FIELDS
    assert len(found["state"]) == 15


def test_every_solve_takes_the_same_iterations(found: dict[str, Any]) -> None:
    pairs = found["iterations"]
    assert {name for name, (one, _) in pairs.items() if one} == set(pairs) - {"tnf"}
    assert [name for name, (one, many) in pairs.items() if one != many] == []


def test_metrics_are_the_same(found: dict[str, Any]) -> None:
    metrics = found["metrics"]
    assert metrics["['bv_tv']"] < VOLUME
    # a change is a small difference of two of them
    assert {k: v for k, v in metrics.items() if v > FIELDS} == {}


def test_budgets_close_and_no_voxel_is_bad(found: dict[str, Any]) -> None:
    assert max(found["residuals"].values()) < 1e-5
    assert set(found["bad"].values()) == {0.0}


def test_no_device_ever_holds_a_whole_field(found: dict[str, Any]) -> None:
    messages = found["messages"]
    solves = {name for name, each in messages.items() if each["gathered"]}
    assert solves == {"tissue.kernels.elliptic.solve", "tissue.model.rankl_opg._in_balance"}
    assert max(size for each in messages.values() for size in each["gathered"]) <= FIELD // 2
    kinds = {kind for each in messages.values() for kind in each["all"]}
    assert kinds == {"collective-permute", "all-gather", "all-reduce"}


def test_every_program_of_the_model_knows_slabs() -> None:
    # one that JAX compiles alone would count the planes that fill slabs up, and say nothing
    sources = {path.name: path.read_text(encoding="utf-8") for path in MODEL.glob("*.py")}
    assert sum("@program" in source for source in sources.values()) > 10
    assert [name for name, source in sources.items() if "jax.jit" in source] == []


def test_no_message_waits_in_a_branch(found: dict[str, Any]) -> None:
    assert len(found["messages"]) > 20
    assert [name for name, each in found["messages"].items() if each["branches"]] == []
