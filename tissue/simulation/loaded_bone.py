"""Bone under the forces of life: finite elements of a run, solved again as the bone changes.

In life forces stay the same and not strains: the energies of a unit compression are scaled to the
force that compressed the healthy bone. Bone that is lost makes the rest bear more.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from tissue.errors import InputError, RunError, listed
from tissue.kernels.programs import mesh_over, program, put, whole_grid
from tissue.kernels.stencil import Field, total
from tissue.mechanics.compression import AXES, Compression, compress, unreached_axes
from tissue.mechanics.loading_history import loading_history
from tissue.mechanics.strength import failure_load_N
from tissue.model.context import Numerics, SolvedLoad, StepContext
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import local_density, log_energy_ratio, log_osteocyte_signal
from tissue.model.observables import FINITE_ELEMENT_METRICS
from tissue.model.parameters import Parameters
from tissue.scenario.config import RunConfig
from tissue.simulation.load_metrics import kept_metrics, load_metrics

log = logging.getLogger(__name__)

HEALTHY_TOLERANCE, LATER_TOLERANCE = 1e-5, 1e-4
"""Relative residuals of the solve in health, which all others are compared with, and of these. From
zero, the second leaves an error of 0.006 in the logarithm of the energy (shrew, 57^3); from the
solve before, a residual below it and an error of 0.0002."""

LARGEST_MOVE = 0.02
"""Share of the bone that may come or go without a new solve [1]: the logarithm of the energy then
moves by 0.05 (shrew, IL-1, 28 days)."""

SMALLEST_MOVE = 1e-3
"""Share of the bone from which a new solve shows more than its own error [1]."""

INTERVAL = {"mouse": 7.0, "human": 90.0}
"""Longest time without a new solve of bone that changes [day]; for the human an assumption."""


@dataclass(frozen=True, kw_only=True)
class LoadedBone:
    """Bone as it was last solved, and its healthy reference.

    Attributes:
        time: of the solve [day].
        bone: volume fraction then [z, y, x].
        displacement: under unit compression [edges of a voxel], by axis.
        weights: squares of the usual strains of the healthy bone [1], by axis.
        healthy_modulus: apparent modulus of the healthy bone over that of tissue [1], by axis.
        healthy_failure_load: along z [N].
        healthy_log_signal: logarithm of the energy that osteocytes felt in health [ln MPa].
        log_energy_ratio: logarithm of that energy then over that in health [1].
        energy_density: strain energy per volume of bone under usual forces [MPa].
        metrics: stiffness and strength, by the names in FINITE_ELEMENT_METRICS.
    """

    time: float
    bone: Field
    displacement: Mapping[str, Array]
    weights: Mapping[str, float]
    healthy_modulus: Mapping[str, float]
    healthy_failure_load: float
    healthy_log_signal: Field
    log_energy_ratio: Field
    energy_density: Field
    metrics: Mapping[str, float]

    def load(self, n: Numerics, p: Parameters) -> SolvedLoad:
        """Load that a step continues from."""
        return SolvedLoad(self.log_energy_ratio, local_density(self.bone, n.spacing, p))

    @property
    def broken(self) -> tuple[str, ...]:
        """Axes along which the bone did not reach both ends."""
        return tuple(axis for axis in AXES if not self.metrics[f"apparent_modulus_{axis}_MPa"])

    def continued(self, bone: Field, time: float, n: Numerics, p: Parameters) -> "LoadedBone":
        """Bone that has changed, whose load goes with its density near by as between two solves."""
        context = StepContext(Forcing(), p, n, solved=self.load(n, p))
        return replace(self, time=time, bone=bone, log_energy_ratio=_continued(bone, context))

    def due(self, bone: Field, time: float, species: str, *, shown: bool) -> bool:
        """Whether bone must be solved again.

        Args:
            bone: volume fraction now.
            time: now [day].
            species: preset of the run.
            shown: whether a snapshot or the end of the run shows it now.
        """
        moved = float(_moved(self.bone, bone))
        long_ago = time - self.time >= INTERVAL[species] * (1 - 1e-9)
        return moved >= LARGEST_MOVE or ((shown or long_ago) and moved >= SMALLEST_MOVE)

    def arrays(self) -> dict[str, Any]:
        """All of it as arrays, by name."""
        return {
            **{name: np.float64(getattr(self, name)) for name in NUMBERS},
            **{
                stored: np.float64(getattr(self, name)[key])
                for name, keys in TABLES.items()
                for key, stored in keys.items()
            },
            **{name: getattr(self, name) for name in FIELDS},
            **{
                stored: component
                for axis, names in DISPLACEMENTS.items()
                for stored, component in zip(names, self.displacement[axis], strict=True)
            },
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any]) -> "LoadedBone":
        """Bone of what `arrays` gave."""
        found: dict[str, Any] = {name: float(arrays[name]) for name in NUMBERS}
        found |= {
            name: {key: float(arrays[stored]) for key, stored in keys.items()}
            for name, keys in TABLES.items()
        }
        found |= {name: arrays[name] for name in FIELDS}
        found["displacement"] = {
            axis: jnp.asarray(np.stack([arrays[stored] for stored in names]))
            for axis, names in DISPLACEMENTS.items()
        }
        return cls(**found)

    def placed(self, mesh: Mesh | None) -> "LoadedBone":
        """The same with its fields in slabs over a mesh; None puts them on one device."""
        return replace(self, **{name: put(getattr(self, name), mesh) for name in FIELDS})


NUMBERS = tuple(each.name for each in fields(LoadedBone) if each.type is float)
"""Numbers of a `LoadedBone`."""

FIELDS = tuple(each.name for each in fields(LoadedBone) if each.type is Field)
"""Fields [z, y, x] of a `LoadedBone`."""

TABLES = {
    "weights": {axis: f"weight_{axis}" for axis in AXES},
    "healthy_modulus": {axis: f"healthy_modulus_{axis}" for axis in AXES},
    "metrics": {name: name for name in FINITE_ELEMENT_METRICS},
}
"""Tables of numbers of a `LoadedBone`: name of each number among the arrays, by its key."""

DISPLACEMENTS = {
    axis: tuple(f"displacement_{axis}_{along}" for along in reversed(AXES)) for axis in AXES
}
"""Names of the components of displacement among the arrays, in their order, by axis."""


@program
def _moved(before: Field, now: Field) -> Array:
    """Bone that has come or gone anywhere over all bone before."""
    return total(jnp.abs(now - before)) / jnp.maximum(total(before), 1)


_continued = program(log_energy_ratio)

GOES_ON = "the load that bone feels goes on from the last solve with its density near by"


def healthy_load(bone: Field, n: Numerics, config: RunConfig) -> LoadedBone:
    """Healthy bone under the forces that it is taken to be adapted to.

    Finite elements are solved on one device, also of bone that lies in slabs.

    Args:
        bone: volume fraction [z, y, x].
        n: numerics.
        config: the run.

    Raises:
        InputError: bone does not reach both ends of an axis.
    """
    p, whole = config.acting, jnp.asarray(whole_grid(bone))
    found = compress(whole, AXES, config.load.loading, HEALTHY_TOLERANCE)
    modulus = float(p.E_t)
    weights = loading_history({axis: each.energy_density for axis, each in found.items()}, modulus)
    healthy = {axis: each.apparent_modulus for axis, each in found.items()}
    energy = put(_energy(found, weights, healthy, modulus).astype(bone.dtype), mesh_over(bone))
    signal = log_osteocyte_signal(bone, energy, n.spacing, p)
    load = failure_load_N(found["z"], whole, float(n.spacing), modulus)
    return LoadedBone(
        time=0.0,
        bone=bone,
        displacement={axis: each.displacement for axis, each in found.items()},
        weights=weights,
        healthy_modulus=healthy,
        healthy_failure_load=load,
        healthy_log_signal=signal,
        log_energy_ratio=jnp.zeros_like(signal),
        energy_density=energy,
        metrics=load_metrics(found, whole, energy, (healthy["z"], load), (n, modulus)),
    )


def solved_again(
    before: LoadedBone, bone: Field, time: float, n: Numerics, p: Parameters, loading: str
) -> LoadedBone:
    """Bone under the same forces as in health, solved from where the last solve ended.

    Where bone no longer reaches both ends of an axis, its stiffness and strength there are 0. The
    load of health is that along all three axes: what bone feels of it goes on from the last solve
    with the density near by. It does so too where a solve does not converge.

    Args:
        before: the last solve.
        bone: volume fraction now [z, y, x].
        time: now [day].
        n: numerics.
        p: parameters.
        loading: how the faces of the box are held, one of LOADINGS.
    """
    modulus = float(p.E_t)
    healthy = before.healthy_modulus["z"], before.healthy_failure_load
    whole = jnp.asarray(whole_grid(bone))
    broken = unreached_axes(whole)
    reached = [axis for axis in AXES if axis not in broken]
    if broken and broken != before.broken:
        log.warning(
            f"day {time:g}: bone no longer reaches both ends in {listed(broken)}: its stiffness "
            f"there is 0, and {GOES_ON}"
        )
    try:
        found = compress(whole, reached, loading, LATER_TOLERANCE, before.displacement)
    except (InputError, RunError) as error:  # too large for its tables, or not converged
        kept = "strength along the other axes" if broken else "strength"
        log.warning(f"day {time:g}: {error}; {GOES_ON}, and {kept} is that of the last solve")
        metrics = kept_metrics(before.metrics, broken)
        return replace(before.continued(bone, time, n, p), metrics=metrics)
    displacement = {**before.displacement}
    displacement |= {axis: each.displacement for axis, each in found.items()}
    if broken:
        metrics = load_metrics(found, whole, before.energy_density, healthy, (n, modulus))
        after = before.continued(bone, time, n, p)
        return replace(after, displacement=displacement, metrics=metrics)
    energy = _energy(found, before.weights, before.healthy_modulus, modulus).astype(bone.dtype)
    energy = put(energy, mesh_over(bone))
    signal = log_osteocyte_signal(bone, energy, n.spacing, p)
    return replace(
        before,
        time=time,
        bone=bone,
        displacement=displacement,
        log_energy_ratio=signal - before.healthy_log_signal,
        energy_density=energy,
        metrics=load_metrics(found, whole, energy, healthy, (n, modulus)),
    )


def after_step(
    before: LoadedBone | None, bone: Field, time: float, config: RunConfig, n: Numerics
) -> LoadedBone | None:
    """Bone under load after a step, solved again where it is time to.

    The decision rests on nothing but the state and the last solve, so that a resumed run takes it
    as the uninterrupted one does.

    Args:
        before: the last solve; None without finite elements.
        bone: volume fraction now [z, y, x].
        time: now [day].
        config: the run.
        n: numerics.
    """
    shown, species = time in config.snapshot_times, config.run.preset
    if before is None or not before.due(bone, time, species, shown=shown):
        return before
    return solved_again(before, bone, time, n, config.acting, config.load.loading)


def row(loaded: LoadedBone | None, *, solved: bool) -> dict[str, float]:
    """Metrics of the last solve; none without finite elements.

    Args:
        loaded: the last solve.
        solved: whether it is of this step.
    """
    if loaded is None:
        return {}
    return {**loaded.metrics} | ({} if solved else {"fe_iterations": 0.0})


def _energy(
    found: Mapping[str, Compression],
    weights: Mapping[str, float],
    healthy_modulus: Mapping[str, float],
    modulus: float,
) -> Array:
    """Strain energy per volume of bone [MPa] under the forces of health.

    Args:
        found: compressions by axis.
        weights: squares of the usual strains of the healthy bone [1], by axis.
        healthy_modulus: apparent modulus of the healthy bone over that of tissue [1], by axis.
        modulus: of tissue [MPa].
    """
    parts = [
        modulus
        * weights[axis]
        * (healthy_modulus[axis] / each.apparent_modulus) ** 2
        * jnp.asarray(each.energy_density)
        for axis, each in found.items()
    ]
    return sum(parts[1:], start=parts[0])
