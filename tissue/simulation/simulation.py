"""Simulation: the tissue, its forcing and its clock."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.display import Displayed
from tissue.errors import InputError, RunError, shown
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry, load_image
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.kernels.elliptic import SolverStats
from tissue.kernels.programs import put, put_numbers, read_numbers, whole_grid
from tissue.machine import device
from tissue.machine.host import allowed_memory, memory_shared
from tissue.model.conservation import StepRecord
from tissue.model.context import Numerics, StepContext
from tissue.model.diagnostics import LocalError
from tissue.model.drug_effects import bound_after_dose
from tissue.model.forcing import Forcing
from tissue.model.homeostasis import healthy_state
from tissue.model.integrators import THETA_MIN
from tissue.model.species import SOLUTES
from tissue.model.state import HealthyReference, State
from tissue.model.step import advance
from tissue.scenario.config import RunConfig
from tissue.simulation.devices import mesh_of_run, refuse_missing_devices
from tissue.simulation.forcing_schedule import ForcingSchedule
from tissue.simulation.given import GivenRun, given_config, refuse_no_geometry
from tissue.simulation.ledger import broken_budget, ledger_row
from tissue.simulation.load_mechanics import load_mechanics
from tissue.simulation.loaded_bone import LoadedBone, after_step, healthy_load, row
from tissue.simulation.local_forcing import local_schedule
from tissue.simulation.own_forcing import OwnForcing, checked
from tissue.simulation.shown_fields import refuse_unsolved_fields, shown_fields
from tissue.simulation.state_checks import (
    diagnosis,
    refuse_starved_marrow,
    refuse_unhealthy_start,
    unconverged,
    warn_of_failure,
    warn_of_failures,
)
from tissue.simulation.step_report import (
    Record,
    StepNumbers,
    bv_tv,
    plain_numbers,
    start_numbers,
    step_numbers,
)
from tissue.simulation.step_size import ControllerState, TimeStep, same_time, step_size_controller
from tissue.simulation.tolerances import HEALTHY_TOLERANCE, solver_tolerance

PRECURSORS = ("osteoclast_precursors", "osteoblast_precursors")


class Start(NamedTuple):
    """Start of a run or of its continuation: all that its future depends on, besides its run file.

    Attributes:
        state: the tissue.
        healthy: its references.
        controller_state: the clock.
        bone: BV/TV at the start of the run.
        loaded: the bone as finite elements solved it last; None without these.
    """

    state: State
    healthy: HealthyReference
    controller_state: ControllerState
    bone: float
    loaded: LoadedBone | None = None


class _Tried(NamedTuple):
    """A step that has been computed but not accepted, and all that was found out about it."""

    step: TimeStep
    state: State
    examined: StepNumbers
    solver_stats: Mapping[str, SolverStats]
    error: LocalError

    def bad_in(self, names: Iterable[str]) -> bool:
        """Whether one of some fields is unphysical."""
        return any(self.examined.bad[name] for name in names)


class Simulation(Displayed):
    """A bone in health that disease acts on from the start of the clock.

    Attributes:
        config: the run.
        geometry: the bone it started from.
        healthy: references that keep health still.
        state: the tissue now; where there is a mesh, `whole_grid` reads its fields.
        mesh: devices over which fields lie in slabs; None on one device.
        loaded: its bone as finite elements solved it last; None without these.
        failed: state of a step that was not physical, for diagnosis.
        controller_state: the clock, and what the choice of steps remembers; with the state and the
            healthy references all that the rest of the run depends on.
    """

    def __init__(
        self,
        config: GivenRun,
        geometry: Geometry | None = None,
        start: Start | None = None,
        forcing: OwnForcing | None = None,
    ) -> None:
        """Sets up the healthy tissue, or resumes a run where it was left.

        Args:
            config: the run, its run file or the tables of that.
            geometry: bone to use instead of the one the run names.
            start: state to resume from, with a geometry that has its grid.
            forcing: function of the forcing of the run file, the time at which a step starts and
                its length [day]; it returns what acts on the tissue during that step.

        Raises:
            InputError: an argument cannot be used, or the bone has no healthy state.
        """
        config = given_config(config)
        refuse_no_geometry(geometry)
        if forcing is not None and not callable(forcing):
            raise InputError(f"forcing = {shown(forcing)} must be a function or None")
        device.enable_compilation_cache()
        device.keep_memory()
        device.release_programs()
        self.failed: State | None = None
        self.config = config
        refuse_missing_devices(config)
        self.geometry = geometry or load_geometry(config)
        self.mesh = mesh_of_run(config, self.geometry.grid.shape[0])
        self.controller_state = ControllerState()
        self._p, self._own_forcing = config.acting, forcing
        local = local_schedule(config, self.geometry, Journal(), self.mesh)  # the plan reports it
        self._schedule = ForcingSchedule(config, local)
        self._controller = step_size_controller(config, self._schedule.stop_times)
        spacing, tolerance = self.geometry.grid.spacing, solver_tolerance(config)
        self._numerics = Numerics(spacing, tolerance, config.periodic_axes)
        self._sent = put_numbers((self._p, self._numerics), self.mesh)
        self._make_room = device.room_maker(self.geometry.bone_volume_fraction.size)
        if start:
            self.state, self.healthy = put((start.state, start.healthy), self.mesh)
            self.controller_state = start.controller_state
            self.loaded = start.loaded.placed(self.mesh) if start.loaded else None
            self._start_fraction = jnp.asarray(start.bone, jnp.float64)
        else:
            self._set_up_health()
            self._give_bisphosphonate()
        refuse_unsolved_fields(config, self.loaded)
        device.release_memory()

    def _set_up_health(self) -> None:
        config, fraction = self.config, self.geometry.bone_volume_fraction
        kind = load_mechanics(config, fraction).kind
        bone = put(fraction, self.mesh, config.run.precision)
        exact = replace(self._numerics, tolerance=HEALTHY_TOLERANCE[config.run.precision])
        healthy = healthy_state(
            bone,
            self._p,
            exact,
            load_from_density=kind == "density",
            tgf_beta_chemotaxis=config.mechanisms.tgf_beta_chemotaxis,
        )
        self.state, self.healthy = healthy.state, healthy.reference
        self._start_fraction = bv_tv(bone)
        refuse_unhealthy_start(healthy, float(exact.tolerance))
        refuse_starved_marrow(self.state, self.healthy, self._p)
        self.loaded = healthy_load(bone, self._numerics, config) if kind == "fe" else None

    @property
    def start(self) -> Start:
        """Start of a run that would resume now."""
        bone = float(self._start_fraction)
        return Start(self.state, self.healthy, self.controller_state, bone, self.loaded)

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
        return self.time >= self.config.run.duration

    def __repr__(self) -> str:
        config, grid = self.config, self.geometry.grid
        bone = float(bv_tv(self.state.bone_volume_fraction))
        change = 100 * (bone / float(self._start_fraction) - 1)
        return (
            f"Simulation {config.name!r}: day {self.time:g} of {config.run.duration:g}, "
            f"step {self.step}\n  {' x '.join(map(str, grid.shape))} voxels of {grid.spacing:g} "
            f"um, BV/TV {bone:.4f} ({change:+.2f} %)"
        )

    def start_metrics(self) -> dict[str, float]:
        """Metrics of the healthy start."""
        context = StepContext(Forcing(), self._p, self._numerics)
        found = start_numbers(self.state, context, self.time, self._start_fraction)
        return plain_numbers(found) | row(self.loaded, solved=True)

    def advance(self) -> Record:
        """Takes one coupling step, as long as its error allows.

        A step that fails is tried again shorter.

        Raises:
            RunError: the state is no longer physical or a budget does not close, however short
                the step is; the state of the step before is kept.
        """
        before, rejected = self.controller_state, 0
        while True:
            tried = self._try(
                self._controller.next(self.controller_state),
                damped=self.controller_state.after_jump or self.controller_state.retrying,
            )
            wrong = self._wrong_with(tried)
            if wrong:
                self._retreat(before, tried, wrong)
                rejected += 1
                continue
            bv_tv = tried.examined.metrics["bv_tv"] / float(self._start_fraction)
            accepted, self.controller_state = self._controller.evaluate(
                self.controller_state,
                tried.step,
                float(tried.error.bone * 100 * bv_tv),
                float(tried.error.cells),
            )
            if accepted:
                break
            rejected += 1
        self.state = tried.state
        if any(same_time(self.time, change) for change in self._schedule.stop_times):
            self.change_forcing()
        if self.step == 1:  # all is compiled now
            device.release_memory()
        last, bone = self.loaded, self.state.bone_volume_fraction
        self.loaded = after_step(last, bone, self.time, self.config, self._numerics)
        if self.finished:
            warn_of_failures(self.controller_state.failures)
        found = tried.examined
        spacing = self.geometry.grid.spacing
        ledger = ledger_row(self.time, found.budgets, found.residuals, found.swept, spacing)
        iterations = {name: int(stats.iterations) for name, stats in tried.solver_stats.items()}
        metrics = plain_numbers(found.metrics) | row(self.loaded, solved=self.loaded is not last)
        return Record(metrics, ledger, iterations, rejected)

    def _retreat(self, before: ControllerState, tried: _Tried, wrong: str) -> None:
        """Prepares to replace a step that failed by shorter ones, or restores the state before.

        Raises:
            RunError: it is as short as it may be.
        """
        state, step = self.controller_state, tried.step
        shorter = self._controller.shorter(state, step)
        if shorter is None:
            again = f", also in steps of {step.length:g} day" if state.retrying else ""
            self.failed, self.controller_state = tried.state, before
            raise RunError(f"stopped in step {self.step + 1}: {wrong}{again}")
        warn_of_failure(state, step, wrong, shorter)
        self.controller_state = shorter

    def change_forcing(self, *, given: bool = False) -> None:
        """Begins a new forcing, with the dose of bisphosphonate if it is not `given` already."""
        if not given:
            self._give_bisphosphonate()
        self.controller_state = self.controller_state.after_a_jump()

    def _give_bisphosphonate(self) -> None:
        if dose := self._schedule.bisphosphonate_dose(self.time):
            bound = jnp.asarray(bound_after_dose(self.state.bisphosphonate, dose))
            self.state = replace(self.state, bisphosphonate=bound)

    def _forcing(self, step: TimeStep) -> Forcing:
        """Forcing of a step, as the run file and the user's own function have it."""
        precision = self.config.run.precision
        forcing = self._schedule.forcing(self.time, step.length, precision)
        if self._own_forcing is None:
            return forcing
        seen = jax.tree.map(jnp.asarray, whole_grid(forcing))
        given = self._own_forcing(seen, self.time, step.length)
        return put(checked(given, seen, self.geometry.grid.shape, precision), self.mesh)

    def _try(self, step: TimeStep, *, damped: bool, guess: State | None = None) -> _Tried:
        """A step that may yet be rejected; `guess` is where its solves begin, if not at `state`."""
        start = replace(self.state, solutes=guess.solutes) if guess else self.state
        solved = self.loaded.load(self._numerics, self._p) if self.loaded else None
        theta = 1.0 if damped else THETA_MIN
        numbers = self._forcing(step), step.end, step.length, theta
        forcing, end, dt, theta = put_numbers(numbers, self.mesh)
        context = StepContext(forcing, *self._sent, self.healthy, solved)
        following, diagnostics = advance(start, context, dt, theta, self._make_room)
        record = StepRecord(self.state, following, diagnostics)
        found = step_numbers(record, forcing, (end, dt), self._start_fraction)
        examined = read_numbers((found, diagnostics.solver_stats, diagnostics.error))
        tried = _Tried(step, following, *examined)
        if not damped and tried.bad_in(PRECURSORS):
            # precursors that all but vanish within one step undershoot zero, unless damped
            return self._try(step, damped=True, guess=guess)
        lost = unconverged(tried.solver_stats, float(self._numerics.tolerance))
        if lost and not guess and not tried.bad_in(SOLUTES):
            # after a jump by orders of magnitude the solves continue from where they gave up
            return self._try(step, damped=damped, guess=following)
        return tried

    def _wrong_with(self, tried: _Tried) -> str | None:
        return (
            diagnosis(tried.state, tried.examined.bad)
            or unconverged(tried.solver_stats, float(self._numerics.tolerance))
            or broken_budget(tried.examined.residuals, self.config.run.precision)
        )

    def fields(self) -> dict[str, Array]:
        """The tissue as snapshots show it, by field name; not touched by later steps."""
        return whole_grid(self.placed_fields())

    def placed_fields(self) -> dict[str, Array]:
        """The same fields on the devices that have them."""
        references = self.healthy, self.loaded
        return shown_fields(self.state, references, self.config, self._numerics, self.time)


def load_geometry(config: RunConfig) -> Geometry:
    """Bone of a run, from an image or synthetic.

    Raises:
        InputError: the image or a setting cannot be used.
        RunError: the memory is too small for it.
    """
    settings, room = config.geometry, allowed_memory()
    with memory_shared():
        if isinstance(settings, SyntheticSettings):
            return synthesize(settings, config.periodic_axes, room)
        return load_image(settings, config.periodic_axes, room)
