"""Explicit time steps of coupled species that diffuse through pores among impermeable bone.

du_i/dt = D_i lap u_i - k_i u_i + s_i - kappa u_i u_j in the pores, no flux into bone or through the
walls of the box: forward Euler with the 7-point Laplacian. It resolves transients of minutes and
is the reference of the quasi-steady solver, which shares nothing with it but `stencil.shift`.

On a CPU the loop matters more than the stencil (128^3, measured). A turn is two steps, since after
one XLA copies every field to where the next turn wants it; both are held in memory, which halves
the time, since inside a branch nothing constant is blown up to a whole field ahead of the loop, and
without which the second step recomputes the first at every neighbor, seven times slower. Bone is a
count of open faces, a byte a voxel: six masks a species are four times slower. Each species is an
array of its own: a slice of a stack costs a fifth more.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int8

from tissue.kernels.loop import materialize, repeat
from tissue.kernels.stencil import AXES, Field, shift

Scalar = Float[Array, ""] | float
Rates = Float[Array, " n"]
Pores = Bool[Array, "z y x"]
OpenFaces = Int8[Array, "z y x"]
Species = tuple[Field, ...]


class Pair(NamedTuple):
    """Two species that consume each other one to one.

    Attributes:
        first, second: their places among the species.
    """

    first: int
    second: int


class _Step(NamedTuple):
    """What one step multiplies by, one number a species, in units of dt.

    Attributes:
        exchange: D dt / h^2 with each neighbor.
        lost: k dt.
        made: production dt.
        bound: kappa dt.
    """

    exchange: Rates
    lost: Rates
    made: Rates
    bound: Scalar


def largest_step(
    diffusivity: Rates, loss: Rates, *, spacing: Scalar, consumption: Scalar = 0.0
) -> Array:
    """Longest step [day] under which nothing turns negative or grows by itself.

    Then a new value is a mean of the old ones, with weights that are not negative, plus its source.

    Args:
        diffusivity: D of every species [um^2/day].
        loss: k of every species [1/day].
        spacing: edge of a voxel h [um].
        consumption: kappa times the largest concentration of the partner [1/day].
    """
    return 1 / jnp.max(6 * diffusivity / spacing**2 + loss + consumption)


def steps(
    species: Species,
    pores: Pores,
    source: Field | Species,
    *,
    diffusivity: Rates,
    loss: Rates,
    production: Rates,
    spacing: Scalar,
    dt: Scalar,
    n: int,
    pair: Pair | None = None,
    binding: Scalar = 0.0,
) -> Species:
    """The concentrations after n steps of dt; none in bone.

    Args:
        species: concentrations.
        pores: where the species are; bone is impermeable.
        source: what is made [concentration/day], a field for each or one that all share.
        diffusivity: D of every species [um^2/day].
        loss: k of every species [1/day].
        production: factor on the source of every species.
        spacing: edge of a voxel h [um].
        dt: [day], at most `largest_step`.
        n: number of steps, compiled in.
        pair: the species that bind each other, if any.
        binding: kappa of the pair [1/(concentration day)].
    """
    in_steps = _Step(diffusivity * (dt / spacing**2), loss * dt, production * dt, binding * dt)
    step = jax.tree.map(lambda rate: jnp.asarray(rate, species[0].dtype), in_steps)
    return _advanced(species, pores, source, step, n, pair)


@partial(jax.jit, static_argnames=("n", "pair"))
def _advanced(
    species: Species,
    pores: Pores,
    source: Field | Species,
    step: _Step,
    n: int,
    pair: Pair | None,
) -> Species:
    faces = _open_faces(pores)

    def once(species: Species) -> Species:
        # the barrier keeps a GPU from sorting species of two steps into three kernels
        species = lax.optimization_barrier(species)
        return materialize(partial(_stepped, pair=pair), species, faces, source, step)

    species = tuple(jnp.where(pores, u, 0) for u in species)
    species = repeat(lambda u: once(once(u)), n // 2)(species)
    return once(species) if n % 2 else species


def _open_faces(pores: Pores) -> OpenFaces:
    """Number of faces of a pore that lead to a pore; -1 in bone. A byte a voxel."""
    near = pores.astype(jnp.int8)
    count = sum((shift(near, a, side) for a in AXES for side in (-1, 1)), start=jnp.int8(0))
    return jnp.where(pores, count, jnp.int8(-1))


def _stepped(
    species: Species,
    faces: OpenFaces,
    source: Field | Species,
    step: _Step,
    *,
    pair: Pair | None,
) -> Species:
    """One step. What is outside or in bone is zero: no neighbor has to be asked what it is.

    The loss is kept apart from the factor of u: 1 - k dt, rounded, would change k.
    """
    count = faces.astype(species[0].dtype)
    results = []
    for i, u in enumerate(species):
        around = sum((shift(u, a, side) for a in AXES for side in (-1, 1)), start=0.0)
        made = step.made[i] * (source[i] if isinstance(source, tuple) else source)
        change = step.exchange[i] * (around - count * u) - step.lost[i] * u + made
        if pair is not None and i in pair:
            change = change - step.bound * species[pair.first] * species[pair.second]
        results.append(jnp.where(faces < 0, 0, u + change))
    return tuple(results)
