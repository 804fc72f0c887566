"""Time of each operator alone, against the memory bandwidth of this machine.

Bytes are those of every array an operator must read or write, once each; an operator with several
passes counts each. Above 100 % means that the cache holds part of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import operators
from cases import SPACING, config, tiled
from harness import (
    bandwidth,
    chosen,
    machine,
    measured_on,
    options,
    publish,
    record,
    table,
    timed,
)

from tissue.kernels import explicit, multigrid, stencil, surface

DECAY = 30.0  # decay length in voxels
WORD = 4  # bytes of a float32
EXPLICIT_STEPS = 10  # in one program


class Task(NamedTuple):
    """Operator with its arguments.

    Attributes:
        run, arguments: function and arguments.
        words: float32 numbers read and written a voxel.
        fields: fields that it updates.
        times: repeats in one call.
    """

    run: Callable[..., Any]
    arguments: tuple[Any, ...]
    words: float
    fields: int = 1
    times: int = 1


def tasks(edge: int) -> dict[str, Task]:
    """Every operator on synthetic bone."""
    phi = jnp.asarray(tiled(config(edge)).bone_volume_fraction, jnp.float32)
    eps, shape = jnp.maximum(1 - phi, 0.02), phi.shape
    capacity = eps / DECAY**2
    matrix = coupled(capacity)
    one = operators.levels_of(eps, capacity[None, None])
    two = operators.levels_of(eps, matrix)
    faces = stencil.to_padded_rows(stencil.harmonic_faces(eps))
    single, pair = (stencil.to_padded_rows(jnp.stack([eps] * n)) for n in (1, 2))
    row_capacity, row_matrix = stencil.to_padded_rows((capacity[None, None], matrix))
    bind = stencil.to_padded_rows(capacity)
    area = surface.specific_surface(phi, SPACING)
    ex = jax.jit(surface.exchange)(eps, area)
    eroding, growing = 0.3 * jnp.ones_like(phi), 0.1 * jnp.ones_like(phi)
    return {
        "residual sweep": Task(multigrid.residual, (one[0], single, single), 7),
        "Jacobi sweep": Task(operators.jacobi, (one[0], single, single), 8),
        "residual sweep, pair": Task(multigrid.residual, (two[0], pair, pair), 13, 2),
        "face conductances": Task(stencil.harmonic_faces, (eps,), 4),
        "Scharfetter-Gummel faces": Task(operators.fitted_faces, (eps, phi), 5),
        "hierarchy build": Task(
            lambda f, c: multigrid.hierarchy(f, c, shape), (faces, row_capacity), 12.5 * 8 / 7
        ),
        "hierarchy build, pair": Task(
            lambda f, c: multigrid.hierarchy(f, c, shape), (faces, row_matrix), 19 * 8 / 7, 2
        ),
        "restriction": Task(operators.restriction(one, shape), (single,), 1.5),
        "prolongation": Task(
            operators.prolongation(one, shape), (operators.coarse(eps[None]),), 1.5
        ),
        "V-cycle": Task(multigrid.v_cycle, (one, single), 22 * 8 / 7),
        "V-cycle, pair": Task(multigrid.v_cycle, (two, pair), 45.25 * 8 / 7, 2),
        "Newton residual, pair": Task(operators.newton_residual, (two[0], bind, pair, pair), 12, 2),
        "exchange": Task(surface.exchange, (eps, area), 6),
        "to surface": Task(lambda e, f: e.to_surface(f), (ex, eps), 8),
        "deposit": Task(lambda e, f: e.deposit(f), (ex, eps), 9),
        "specific surface": Task(surface.specific_surface, (phi, SPACING), 2),
        "Godunov slopes": Task(surface.godunov_slopes, (phi, SPACING), 3),
        "move, one sub-step": Task(surface.move, (phi, eroding, growing, SPACING, 0.5), 7),
        "diffusion along surface, 3 fields": Task(
            along_surface, (jnp.stack([phi + 1] * 3), area), 0, 3
        ),
        "explicit step, 3 solutes": Task(explicit_steps, (eps, phi < 0.5), 7.25, 3, EXPLICIT_STEPS),
    }


def coupled(capacity: jax.Array) -> jax.Array:
    """2 x 2 capacity that couples as RANKL and OPG do."""
    return jnp.stack(
        [jnp.stack([2 * capacity, -capacity]), jnp.stack([-0.5 * capacity, 2 * capacity])]
    )


def along_surface(densities: jax.Array, area: jax.Array) -> Any:
    """Densities after half a day of diffusion along the surface."""
    diffusivities = jnp.asarray([100.0, 100.0, 100.0])
    return surface.diffuse_along_surface(
        densities, area, diffusivities, SPACING, 0.5, tolerance=1e-4
    )


def explicit_steps(u: jax.Array, pores: jax.Array) -> explicit.Concentrations:
    """Concentrations of three solutes with a shared source, two of which bind each other."""
    rates = jnp.asarray([3.0, 2.0, 1.0], u.dtype)
    return explicit.steps(
        (u, u, u),
        pores,
        u,
        explicit.Coefficients(rates, 0.1 * rates, rates, pair=(1, 2), binding=1.0),
        spacing=1.0,
        dt=0.02,
        n=EXPLICIT_STEPS,
    )


def main() -> None:
    asked = chosen(options(__doc__, 64, 128))
    machine()
    found = {name: (jax.jit(task.run), task) for name, task in tasks(asked.edge).items()}
    times = timed(
        {name: partial(run, *task.arguments) for name, (run, task) in found.items()},
        repeats=21 if asked.full else 9,
    )
    sweep, voxels = times["residual sweep"], asked.edge**3
    rows, raw = [], []
    for name, call in times.items():
        task = found[name][1]
        t = call.shared_by(task.times)
        rate = task.words * WORD * voxels / t.median / 1e6  # GB/s
        share = 100 * rate / bandwidth().triad if task.words else None
        rows.append(
            (
                name,
                t.median,
                t.spread,
                t.cpu,
                task.fields * voxels / t.median / 1e3,
                f"{task.words * WORD:.0f}" if task.words else None,
                share,
                t.median / sweep.median,
            )
        )
        raw.append(
            {
                "operator": name,
                "edge": asked.edge,
                "ms": t.median,
                "low_ms": t.low,
                "high_ms": t.high,
                "cpu_ms": t.cpu,
                "bytes_per_voxel": task.words * WORD,
                "bandwidth_share": share,
                "sweeps": t.median / sweep.median,
            }
        )
    heads = (
        "operator",
        "ms",
        "range ms",
        "CPU ms",
        "million voxel updates/s",
        "B/voxel assumed",
        "% of bandwidth",
        "residual sweeps",
    )
    publish("kernels", f"{asked.edge}^3, float32.\n\n{table(heads, rows)}\n\n{measured_on()}")
    record("kernels", raw)


if __name__ == "__main__":
    main()
