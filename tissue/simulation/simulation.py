"""The tissue with a clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.errors import RunError
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry, load_image
from tissue.geometry.synthetic import SyntheticSettings, synthesize
from tissue.kernels.elliptic import SolverStats
from tissue.machine.device import keep_memory, release_memory, release_programs
from tissue.machine.host import allowed_memory
from tissue.model.balance import Numerics, surface_concentrations
from tissue.model.bone import bone_geometry
from tissue.model.conservation import Budget, budgets, swept
from tissue.model.diagnostics import LocalError, StepDiagnostics
from tissue.model.forcing import Forcing
from tissue.model.homeostasis import healthy_state
from tissue.model.observables import fields_of, observe
from tissue.model.parameters import Parameters
from tissue.model.state import HealthyReference, State
from tissue.model.step import THETA_MIN, advance
from tissue.scenario.config import RunConfig
from tissue.scenario.course import COURSE_METRICS, Course, exposure
from tissue.simulation.ledger import broken_budget, ledger_row
from tissue.simulation.local_forcing import local_forcing
from tissue.simulation.state_checks import (
    FIELDS,
    bad_voxels,
    diagnosis,
    refuse_starved_marrow,
    refuse_unhealthy_start,
    tell_failure,
    tell_failures,
    unconverged,
)
from tissue.simulation.step_size import ControllerState, TimeStep, same_time, step_size_controller

TOLERANCE = {"float32": 1e-4, "float64": 1e-6}
"""Relative error of the solves of a step of fixed length, and the least of any."""

SOLVER_SHARE = 2.5e-3
"""Relative error of the solves of an adaptive step over the accuracy asked of the run [1/point]: at
0.2 points 5e-4, which costs 0.004 points of 24 in a human year at +3 pM."""

LARGEST_TOLERANCE = 3e-3

HEALTHY_TOLERANCE = {"float32": 5e-6, "float64": 1e-11}
"""Of the healthy state, which stands still to this."""

PRECURSORS = ("osteoclast_precursors", "osteoblast_precursors")
SOLUTES = ("il1", "tnf", "rankl", "opg")  # that a step solves for from a guess


@dataclass(frozen=True)
class Record:
    """What one step reports: its rows of metrics.csv and ledger.csv, and the iterations it took.

    With the steps tried in its place that were too long or failed.
    """

    metrics: Mapping[str, float]
    ledger: Mapping[str, float]
    iterations: Mapping[str, int]
    rejected: int = 0


class Start(NamedTuple):
    """Where a run goes on from: all that its future depends on, besides its run file.

    Attributes:
        state: the tissue.
        healthy: its references.
        controller_state: the clock.
        bone: BV/TV at the start of the run.
    """

    state: State
    healthy: HealthyReference
    controller_state: ControllerState
    bone: float


class _Tried(NamedTuple):
    """A step that has been computed but not taken, and all that was found out about it."""

    state: State
    metrics: Mapping[str, Any]
    budgets: Mapping[str, Budget]
    residuals: Mapping[str, float]
    swept: Mapping[str, float]
    bad: np.ndarray
    solver_stats: Mapping[str, SolverStats]
    error: LocalError

    def bad_in(self, names: Iterable[str]) -> bool:
        """Whether one of some fields is unphysical."""
        return any(self.bad[FIELDS.index(name)] for name in names)


@jax.jit
def _examine(
    before: State,
    after: State,
    diagnostics: StepDiagnostics,
    p: Parameters,
    dt: float,
    start: Array,
) -> tuple[dict[str, Array], dict[str, Budget], dict[str, Array], dict[str, Array], Array]:
    done = diagnostics.activity
    found = budgets(before, after, diagnostics, p, dt)
    metrics = observe(
        after, diagnostics.geometry, done.at_surface, done.resorption, done.formation, start
    )
    residuals = {name: budget.residual for name, budget in found.items()}
    return metrics, found, residuals, swept(after, diagnostics), bad_voxels(after)


@partial(jax.jit, static_argnames="names")
def _shown(state: State, n: Numerics, p: Parameters, names: tuple[str, ...]) -> dict[str, Array]:
    every = fields_of(state, bone_geometry(state.bone_volume_fraction, n.spacing, p, n.periodic))
    # copies: whoever holds them need not care whether a step reuses the memory of its state
    return {name: jnp.copy(every[name]) for name in names}


class Simulation:
    """A bone in health that disease acts on from the start of the clock.

    Attributes:
        config: the run.
        geometry: the bone it started from.
        healthy: references that keep health still.
        state: the tissue now.
        failed: what a step made that was not physical, for diagnosis.
        controller_state: the clock, and what the choice of steps remembers; with the state and the
            healthy references all that the rest of the run depends on.
    """

    def __init__(
        self, config: RunConfig, geometry: Geometry | None = None, start: Start | None = None
    ) -> None:
        """Sets up the healthy tissue, or takes up a run where it was left.

        Args:
            config: the run.
            geometry: bone to use instead of the one the run names.
            start: where to go on from, with a geometry that has its grid.

        Raises:
            InputError: the bone cannot be read, or has no healthy state.
        """
        keep_memory()
        release_programs()
        self.failed: State | None = None
        self.config = config
        self.geometry = geometry or load_geometry(config)
        self.controller_state = ControllerState()
        self._p = p = config.acting
        local = local_forcing(config, self.geometry, Journal())  # the plan tells of it
        self._course = Course(
            config.disease, config.therapies, p, config.preset, config.duration, local
        )
        self._controller = step_size_controller(config, self._course.changes)
        self._spacing = spacing = self.geometry.grid.spacing
        self._numerics = Numerics(spacing, solver_tolerance(config), config.periodic_axes)
        if start:
            self.state, self.healthy, self.controller_state, bone = start
            self._start = jnp.asarray(bone, jnp.float64)
        else:
            self._set_up_health()
            self._give_bisphosphonate()
        release_memory()

    def _set_up_health(self) -> None:
        config = self.config
        bone = jnp.asarray(self.geometry.bone_volume_fraction, config.precision)
        exact = replace(self._numerics, tolerance=HEALTHY_TOLERANCE[config.precision])
        out = config.disease.knockout
        self.state, self.healthy, solver_stats = healthy_state(
            bone,
            self._p,
            exact,
            mechanostat="mechanostat" not in out,
            tgf_beta_steering="tgf_beta_steering" not in out,
        )
        self._start = jnp.mean(bone, dtype=jnp.float64)
        refuse_unhealthy_start(self.state, self.healthy, solver_stats, float(exact.tolerance))
        refuse_starved_marrow(self.state, self.healthy, self._p)

    @property
    def start(self) -> Start:
        """Where a run would go on from, if it were left now."""
        return Start(self.state, self.healthy, self.controller_state, float(self._start))

    @property
    def time(self) -> float:
        """Simulated time [day]."""
        return self.controller_state.time

    @property
    def step(self) -> int:
        """Number of coupling steps done."""
        return self.controller_state.steps

    @property
    def finished(self) -> bool:
        """The end of the run is reached."""
        return self.time >= self.config.duration

    def start_metrics(self) -> dict[str, float]:
        """The metrics of the healthy start."""
        p, state, n = self._p, self.state, self._numerics
        pore = bone_geometry(state.bone_volume_fraction, n.spacing, p, n.periodic)
        solutes = state.il1, state.tnf, state.rankl, state.opg
        at_surface = surface_concentrations(*solutes, pore, Forcing(), p)
        velocity = jnp.full_like(state.il1, p.v_0)
        metrics = observe(state, pore, at_surface, velocity, velocity, self._start)
        acts = dict.fromkeys(COURSE_METRICS, 0.0) | {"anabolic": 1.0}
        return {"time_day": self.time, **_numbers(metrics), **acts, "step_day": 0.0}

    def advance(self) -> Record:
        """Takes one coupling step, as long as its error allows.

        A step that fails is tried again shorter.

        Raises:
            RunError: the state is no longer physical or a budget does not close, however short
                the step is; the state of the step before is kept.
        """
        before, rejected = self.controller_state, 0
        while True:
            tried_step = self._controller.next(self.controller_state)
            tried = self._try(
                tried_step.length,
                damped=self.controller_state.after_jump or self.controller_state.retrying,
            )
            wrong = self._wrong_with(tried)
            if wrong:
                self._retreat(before, tried_step, tried, wrong)
                rejected += 1
                continue
            bone = tried.error.bone * 100 * tried.metrics["bv_tv"] / float(self._start)
            accepted, self.controller_state = self._controller.evaluate(
                self.controller_state, tried_step, float(bone), float(tried.error.cells)
            )
            if accepted:
                break
            rejected += 1
        self.state = tried.state
        if any(same_time(self.time, change) for change in self._course.changes):
            self.change_course()
        if self.step == 1:  # all is compiled now
            release_memory()
        if self.finished:
            tell_failures(self.controller_state.failures)
        ledger = ledger_row(self.time, tried.budgets, tried.residuals, tried.swept, self._spacing)
        iterations = {name: int(stats.iterations) for name, stats in tried.solver_stats.items()}
        found = _numbers(tried.metrics)
        metrics = {"time_day": self.time, **found, "step_day": tried_step.length}
        return Record(metrics, ledger, iterations, rejected)

    def _retreat(
        self, before: ControllerState, tried_step: TimeStep, tried: _Tried, wrong: str
    ) -> None:
        """Prepares to take a step that failed in shorter ones, or goes back to the state before.

        Raises:
            RunError: it is as short as it may be.
        """
        shorter = self._controller.shorter(self.controller_state, tried_step)
        if shorter is None:
            again = (
                f", also in steps of {tried_step.length:g} day"
                if self.controller_state.retrying
                else ""
            )
            self.failed, self.controller_state = tried.state, before
            raise RunError(f"stopped in step {self.step + 1}: {wrong}{again}")
        tell_failure(self.controller_state, tried_step, wrong, shorter)
        self.controller_state = shorter

    def change_course(self, *, given: bool = False) -> None:
        """Takes notice of what acts from now on; a bisphosphonate may be `given` already."""
        if not given:
            self._give_bisphosphonate()
        self.controller_state = self.controller_state.after_a_jump()

    def _give_bisphosphonate(self) -> None:
        dose = self._course.dose_of_bisphosphonate(self.time)
        if dose:
            # a dose finds the places that are still free
            bound = self.state.bisphosphonate
            full = min(dose, 1.0)
            self.state = replace(self.state, bisphosphonate=bound + full * (1 - bound))

    def _try(self, dt: float, *, damped: bool, guess: State | None = None) -> _Tried:
        """A step that may yet be rejected; `guess` is where its solves begin, if not at `state`."""
        start = self.state
        if guess:
            start = replace(start, **{name: getattr(guess, name) for name in SOLUTES})
        p, forcing = self._p, self._course.forcing(self.time, dt, self.config.precision)
        least = 1.0 if damped else THETA_MIN
        following, diagnostics = advance(start, self.healthy, forcing, p, dt, self._numerics, least)
        found = _examine(self.state, following, diagnostics, p, dt, self._start)
        acts = exposure(forcing)
        examined, solver_stats, error, acts = jax.device_get(
            (found, diagnostics.solver_stats, diagnostics.error, acts)
        )
        metrics, budgets, residuals, carried, bad = examined
        metrics |= acts
        tried = _Tried(following, metrics, budgets, residuals, carried, bad, solver_stats, error)
        if not damped and tried.bad_in(PRECURSORS):
            # a crowd that all but vanishes within one step undershoots zero, unless damped
            return self._try(dt, damped=True, guess=guess)
        lost = unconverged(tried.solver_stats, float(self._numerics.tolerance))
        if lost and not guess and not tried.bad_in(SOLUTES):
            # after a jump by orders of magnitude the solves go on from where they gave up
            return self._try(dt, damped=damped, guess=following)
        return tried

    def _wrong_with(self, tried: _Tried) -> str | None:
        return (
            diagnosis(tried.state, tried.bad)
            or unconverged(tried.solver_stats, float(self._numerics.tolerance))
            or broken_budget(tried.residuals, self.config.precision)
        )

    def fields(self) -> dict[str, Array]:
        """The tissue as snapshots show it, by field name; not touched by later steps."""
        names = tuple(sorted({"bone_volume_fraction", *self.config.fields}))
        return _shown(self.state, self._numerics, self._p, names)


def solver_tolerance(config: RunConfig) -> float:
    """Relative error that the solves of a step may leave."""
    least = TOLERANCE[config.precision]
    if config.allowed_error is None:
        return least
    return min(max(SOLVER_SHARE * config.allowed_error, least), LARGEST_TOLERANCE)


def load_geometry(config: RunConfig) -> Geometry:
    """The bone a run names, from an image or made up.

    Raises:
        InputError: the image or a setting cannot be used.
        RunError: the memory is too small for it.
    """
    settings, room = config.geometry, allowed_memory()
    if isinstance(settings, SyntheticSettings):
        return synthesize(settings, config.periodic_axes, room)
    return load_image(settings, config.periodic_axes, room)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
