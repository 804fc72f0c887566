"""Explicit time steps of coupled solutes that diffuse through pores among impermeable bone.

du_i/dt = D_i lap u_i - k_i u_i + s_i - kappa u_i u_j in the pores, no flux into bone or through the
walls of the box: forward Euler with the 7-point Laplacian. It resolves transients of minutes and
is the reference of the quasi-steady solver, which shares nothing with it but `stencil.shift`.

On a CPU the loop matters more than the stencil (128^3, measured). An iteration takes two steps,
since after one XLA copies every field to where the next iteration wants it; both are materialized,
which halves the time, since inside a branch nothing constant is expanded to a whole field ahead of
the loop, and without which the second step recomputes the first at every neighbor, seven times
slower. Bone is a count of open faces, a byte a voxel: six masks a solute are four times slower.
Each solute is an array of its own: a slice of a stack costs a fifth more.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int8

from tissue.kernels import slabs
from tissue.kernels.loop import materialize, repeat
from tissue.kernels.programs import program
from tissue.kernels.stencil import AXES, Field, shift, shift_alone, shift_beside

Scalar = Float[Array, ""] | float
Rates = Float[Array, " n"]
PoreMask = Bool[Array, "z y x"]
OpenFaces = Int8[Array, "z y x"]
Concentrations = tuple[Field, ...]


class Coefficients(NamedTuple):
    """Coefficients of the equations of n solutes.

    Attributes:
        diffusivity: D of every solute [um^2/day].
        loss: k of every solute [1/day].
        production: factor on the source of every solute [1].
        pair: indices of the two solutes that bind each other, if any.
        binding: kappa of the pair [1/(concentration day)].
    """

    diffusivity: Rates
    loss: Rates
    production: Rates
    pair: tuple[int, int] | None = None
    binding: Scalar = 0.0


class _StepFactors(NamedTuple):
    """Coefficients times dt, a number for each solute.

    Attributes:
        exchange: D dt / h^2 with each neighbor.
        loss: k dt.
        production: production dt.
        binding: kappa dt.
    """

    exchange: Rates
    loss: Rates
    production: Rates
    binding: Scalar


def largest_step(
    coefficients: Coefficients, spacing: Scalar, largest_partner: Scalar = 0.0
) -> Array:
    """Longest step [day] under which nothing turns negative or grows by itself.

    Then a new value is a mean of the old ones, with weights that are not negative, plus its source.

    Args:
        coefficients: those of the equations.
        spacing: edge of a voxel h [um].
        largest_partner: largest concentration of a solute that binds another [concentration].
    """
    c = coefficients
    return 1 / jnp.max(6 * c.diffusivity / spacing**2 + c.loss + c.binding * largest_partner)


# seven arguments: the state, its mask and source, the equations, and by keyword the steps
def steps(
    solutes: Concentrations,
    pores: PoreMask,
    source: Field | Concentrations,
    coefficients: Coefficients,
    *,
    spacing: Scalar,
    dt: Scalar,
    n: int,
) -> Concentrations:
    """Concentrations after n steps of dt; zero in bone.

    Args:
        solutes: concentrations, a field [z, y, x] for each solute.
        pores: True where the solutes are; bone is impermeable.
        source: [concentration/day], a field for each solute or one that all share.
        coefficients: those of the equations.
        spacing: edge of a voxel h [um].
        dt: [day], at most `largest_step`.
        n: number of steps, compiled in.
    """
    c = coefficients
    factors = _StepFactors(
        c.diffusivity * (dt / spacing**2), c.loss * dt, c.production * dt, c.binding * dt
    )
    factors = jax.tree.map(lambda factor: jnp.asarray(factor, solutes[0].dtype), factors)
    return _repeated(solutes, pores, source, factors, n, c.pair)


@program(static_argnames=("n", "pair"))
def _repeated(  # six arguments, two of them compiled in
    solutes: Concentrations,
    pores: PoreMask,
    source: Field | Concentrations,
    factors: _StepFactors,
    n: int,
    pair: tuple[int, int] | None,
) -> Concentrations:
    pores = slabs.only_inside(pores)
    faces = _open_faces(pores)

    def once(solutes: Concentrations) -> Concentrations:
        # the barrier keeps a GPU from sorting solutes of two steps into three kernels
        solutes = lax.optimization_barrier(solutes)
        beside = tuple(_planes_beside(u) for u in solutes)
        return materialize(partial(_euler, pair=pair), solutes, beside, faces, source, factors)

    solutes = tuple(jnp.where(pores, u, 0) for u in solutes)
    solutes = repeat(lambda u: once(once(u)), n // 2)(solutes)
    return once(solutes) if n % 2 else solutes


def _open_faces(pores: PoreMask) -> OpenFaces:
    """Number of faces of a pore that lead to a pore; -1 in bone. A byte a voxel."""
    pore = pores.astype(jnp.int8)
    count = sum((shift(pore, a, side) for a in AXES for side in (-1, 1)), start=jnp.int8(0))
    return jnp.where(pores, count, jnp.int8(-1))


def _shift(u: Field, axis: int, side: int, beside: dict[int, Array]) -> Field:
    if axis == -3 and beside:
        return shift_beside(u, side, beside[side])
    return shift_alone(u, axis, side)


def _planes_beside(u: Field) -> dict[int, Array]:
    """Planes of the slabs below (-1) and above (1) that touch this one; none on one device."""
    cut = slabs.current_cut()
    return {side: slabs.planes_beside(u, side, cut) for side in (-1, 1)} if cut else {}


def _euler(
    solutes: Concentrations,
    beside: tuple[dict[int, Array], ...],
    faces: OpenFaces,
    source: Field | Concentrations,
    factors: _StepFactors,
    *,
    pair: tuple[int, int] | None,
) -> Concentrations:
    """Concentrations after one step; they are zero outside and in bone, so no mask is shifted.

    The loss is kept apart from the factor of u: 1 - k dt, rounded, would change k.
    """
    count = faces.astype(solutes[0].dtype)
    results = []
    for i, u in enumerate(solutes):
        neighbors = sum(
            (_shift(u, a, side, beside[i]) for a in AXES for side in (-1, 1)), start=0.0
        )
        made = factors.production[i] * (source[i] if isinstance(source, tuple) else source)
        change = factors.exchange[i] * (neighbors - count * u) - factors.loss[i] * u + made
        if pair is not None and i in pair:
            change = change - factors.binding * solutes[pair[0]] * solutes[pair[1]]
        results.append(jnp.where(faces < 0, 0, u + change))
    return tuple(results)
