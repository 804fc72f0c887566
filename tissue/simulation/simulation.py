"""The tissue with a clock."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.errors import InputError, RunError
from tissue.geometry.load import Geometry, ImageSettings, load_image
from tissue.geometry.synthetic import SyntheticSettings, synthesise
from tissue.kernels.elliptic import Effort
from tissue.model.account import Account
from tissue.model.bone import pores
from tissue.model.conservation import Budget, budgets, swept
from tissue.model.homeostasis import healthy_tissue, smallest_share
from tissue.model.observables import fields_of, observe
from tissue.model.parameters import Parameters
from tissue.model.state import State
from tissue.model.step import Forcing, Numerics, advance, see_solutes
from tissue.scenario.config import RunConfig
from tissue.simulation.health import bad_voxels, diagnosis, unconverged
from tissue.simulation.ledger import broken_budget, ledger_row

log = logging.getLogger(__name__)

TOLERANCE = {"float32": 1e-4, "float64": 1e-6}
"""Relative error of the solves of a step, an order below the error of a half-day step."""

HEALTHY_TOLERANCE = {"float32": 5e-6, "float64": 1e-11}
"""Of the healthy state, which stands still to this."""

SMALLEST_SHARE = 0.05  # of the nominal precursor density that healthy marrow must keep


@dataclass(frozen=True)
class Record:
    """What one step reports: its rows of metrics.csv and ledger.csv, and the cycles it took."""

    metrics: Mapping[str, float]
    ledger: Mapping[str, float]
    cycles: Mapping[str, int]


@jax.jit
def _examine(
    before: State, after: State, account: Account, p: Parameters, dt: float, start: Array
) -> tuple[dict[str, Array], dict[str, Budget], dict[str, Array], dict[str, Array], Array]:
    done = account.activity
    books = budgets(before, after, account, p, dt)
    metrics = observe(after, account.pores, done.seen, done.resorption, done.formation, start)
    residuals = {name: budget.residual for name, budget in books.items()}
    return metrics, books, residuals, swept(after, account), bad_voxels(after)


@partial(jax.jit, static_argnames="names")
def _shown(state: State, spacing: float, p: Parameters, names: tuple[str, ...]) -> dict[str, Array]:
    every = fields_of(state, pores(state.bone_volume_fraction, spacing, p))
    # copies: whoever holds them need not care whether a step reuses the memory of its state
    return {name: jnp.copy(every[name]) for name in names}


class Simulation:
    """A bone in health that disease acts on from the start of the clock.

    Attributes:
        config: the run.
        geometry: the bone it started from.
        healthy: references that keep health still.
        state: the tissue now.
        step: number of coupling steps done.
    """

    def __init__(self, config: RunConfig, geometry: Geometry | None = None) -> None:
        """Sets up the healthy tissue.

        Args:
            config: the run.
            geometry: bone to use instead of the one the run names.

        Raises:
            InputError: the bone cannot be read, or has no healthy state.
        """
        self.config = config
        self.geometry = geometry or load_geometry(config.geometry)
        self.step = 0
        self._spacing = spacing = self.geometry.grid.spacing
        self._numerics = Numerics(spacing, TOLERANCE[config.precision])
        bone = jnp.asarray(self.geometry.bone_volume_fraction, config.precision)
        exact = Numerics(spacing, HEALTHY_TOLERANCE[config.precision])
        self.state, self.healthy, efforts = healthy_tissue(bone, config.parameters, exact)
        self._start = jnp.mean(bone, dtype=jnp.float64)
        self._refuse_unhealthy_start(efforts)
        self._refuse_starved_marrow()

    def _refuse_unhealthy_start(self, efforts: Mapping[str, Effort]) -> None:
        tolerance = HEALTHY_TOLERANCE[self.config.precision]
        wrong = diagnosis(self.state, np.asarray(bad_voxels(self.state)))
        wrong = wrong or unconverged(efforts, tolerance)
        finite = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(self.healthy))
        if wrong or not finite:
            raise InputError(
                f"this bone has no healthy state with these parameters: "
                f"{wrong or 'a healthy reference is not finite'}; look at the bone with "
                "tissue check, or use parameters nearer to the preset's"
            )

    def _refuse_starved_marrow(self) -> None:
        shares = smallest_share(self.state, self.healthy, self.config.parameters)
        for name, share in shares.items():
            if not float(share) >= SMALLEST_SHARE:
                raise InputError(
                    f"this bone has no healthy state with these parameters: {name} fall to "
                    f"{float(share):.3g} of their nominal density in part of the marrow (at least "
                    f"{SMALLEST_SHARE:g} is needed); use weaker chemotaxis or a larger random "
                    "motility"
                )

    @property
    def time(self) -> float:
        """Simulated time [day]."""
        return self.step * self.config.actual_step

    def start_metrics(self) -> dict[str, float]:
        """The metrics of the healthy start."""
        p, state = self.config.parameters, self.state
        pore = pores(state.bone_volume_fraction, self._numerics.spacing, p)
        seen = see_solutes(state.il1, state.rankl, state.opg, pore, p)
        velocity = jnp.full_like(state.il1, p.v_0)
        metrics = observe(state, pore, seen, velocity, velocity, self._start)
        return {"time_day": self.time, **_numbers(metrics)}

    def advance(self) -> Record:
        """Takes one coupling step.

        Raises:
            RunError: the state is no longer physical or a budget does not close; the state of
                the step before is kept.
        """
        p, dt = self.config.parameters, self.config.actual_step
        forcing = Forcing(self.config.il1_excess)
        following, account = advance(self.state, self.healthy, forcing, p, dt, self._numerics)
        examined = _examine(self.state, following, account, p, dt, self._start)
        examined, efforts = jax.device_get((examined, account.efforts))
        metrics, books, residuals, carried, bad = examined
        wrong = (
            diagnosis(following, bad)
            or unconverged(efforts, TOLERANCE[self.config.precision])
            or broken_budget(residuals, self.config.precision)
        )
        if wrong:
            raise RunError(f"stopped in step {self.step + 1}: {wrong}")
        self.state = following
        self.step += 1
        ledger = ledger_row(self.time, books, residuals, carried, self._spacing)
        cycles = {name: int(effort.cycles) for name, effort in efforts.items()}
        return Record({"time_day": self.time, **_numbers(metrics)}, ledger, cycles)

    def fields(self) -> dict[str, Array]:
        """The tissue as snapshots show it, by field name; not touched by later steps."""
        names = tuple(sorted({"bone_volume_fraction", *self.config.fields}))
        return _shown(self.state, self._numerics.spacing, self.config.parameters, names)


def load_geometry(settings: ImageSettings | SyntheticSettings) -> Geometry:
    """The bone a run names, from an image or made up."""
    if isinstance(settings, SyntheticSettings):
        return synthesise(settings)
    return load_image(settings)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
