"""Linear elasticity of bone voxels: multigrid whose coarse elements are pieces of bone.

The finest level is the grid itself and works by slices. The coarser levels are unstructured:
pieces of bone in blocks of 2^l voxels, with gather tables. Flexible conjugate gradients are
preconditioned with a multigrid cycle that smooths with Chebyshev polynomials of the block-Jacobi
operator and takes three iterations of conjugate gradients on each coarse level (K-cycle).

Lengths are in edges of a voxel and moduli in that of the tissue, so that all is of order one.

References:
    Notay 2000, SIAM J Sci Comput 22:1444 (flexible conjugate gradients); Notay and Vassilevski
    2008, Numer Linear Algebra Appl 15:473 (K-cycle); Lottes 2023, Numer Linear Algebra Appl
    30:e2518 (Chebyshev smoothers of the fourth kind); Flaig and Arbenz 2011, Parallel Computing
    37:846 (multigrid for bone on a regular grid).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int

from tissue.kernels.elastic_voxels import (
    Ends,
    GridVectors,
    Modulus,
    block_corrections,
    forces,
    free,
)
from tissue.kernels.hexahedron import (
    INTERPOLATION,
    LARGEST_EIGENVALUE,
    PART_STIFFNESS,
    POSITIONS,
)

Scalar = Float[Array, ""] | float
Vectors = Float[Array, "_ 3"]
"""Vectors on the nodes of a coarse level; those of the last row, which fills up, are zero."""

Operator = Callable[[Array], Array]

DEGREE = 3  # of the smoother
VISITS = 3  # of each coarse level in a cycle
MAX_ITERATIONS = 200
LARGEST_GROWTH = 10.0  # of the residual in an iteration


class Table(NamedTuple):
    """Weighted sums of rows of a vector.

    Attributes:
        columns: rows to add up, (n, width).
        weights: their weights; 0 where the table is filled up.
    """

    columns: Int[Array, "n w"]
    weights: Float[Array, "n w"]


class Finest(NamedTuple):
    """The grid.

    Attributes:
        modulus: of each voxel over that of the tissue; 0 is void.
        fixed: ends where displacement is prescribed.
        corner: low corner of each piece of level 1 [z, y, x], (m, 3).
        owner: piece of level 1 that each node takes its value from, times 27, plus its place in
            it; -1 off bone.
    """

    modulus: Modulus
    fixed: Ends
    corner: Int[Array, "m 3"]
    owner: Int[Array, "Z+1 Y+1 X+1"]


class Coarse(NamedTuple):
    """A level of pieces.

    Attributes:
        nodes: corners of each piece, (m, 8).
        corners: 8 times the piece plus the corner, of all corners at each node, (n, width);
            filled up with those of the last piece, which is void.
        moduli: of the eight voxels of each piece, on level 1; else None.
        matrices: stiffness of each piece; on level 1 of the first ones only, at prescribed
            displacements, whose `moduli` are zero.
        inverse: inverse of the 3 x 3 block of each node.
        eigenvalue: largest of the block-Jacobi operator.
        restriction, prolongation: to and from the next level; None on the coarsest.
    """

    nodes: Int[Array, "m 8"]
    corners: Int[Array, "n w"]
    moduli: Float[Array, "m 8"] | None
    matrices: Float[Array, "k 24 24"]
    inverse: Float[Array, "n 3 3"]
    eigenvalue: Float[Array, ""]
    restriction: Table | None
    prolongation: Table | None


class Hierarchy(NamedTuple):
    """All levels, and the pseudoinverse of the coarsest (3n, 3n)."""

    finest: Finest
    coarse: tuple[Coarse, ...]
    pseudoinverse: Float[Array, "d d"]


class Solution(NamedTuple):
    """Displacement, and the iterations it took."""

    displacement: GridVectors
    iterations: Array


def _operator(level: Finest, u: GridVectors) -> GridVectors:
    return free(level.fixed, u) * forces(u, level.modulus)


def _precondition(level: Finest, r: GridVectors) -> GridVectors:
    return block_corrections(r, level.modulus, level.fixed)


def _piece_forces(level: Coarse, x: Vectors) -> Float[Array, "m 24"]:
    moved = x[level.nodes].reshape(-1, 24)
    if level.moduli is None:
        return jnp.einsum("mij,mj->mi", level.matrices, moved)
    parts = jnp.asarray(PART_STIFFNESS.transpose(1, 0, 2).reshape(24, 192), x.dtype)
    of_parts = (moved @ parts).reshape(-1, 8, 24)  # of modulus one
    count = len(level.matrices)
    outer = jnp.einsum("mij,mj->mi", level.matrices, moved[:count])
    # term by term: as a sum over an axis, a GPU would first write each modulus 24 times
    return sum(
        (level.moduli[:, part, None] * of_parts[:, part] for part in range(8)),
        jnp.pad(outer, ((0, len(moved) - count), (0, 0))),
    )


def coarse_operator(level: Coarse, x: Vectors) -> Vectors:
    """Forces on the nodes of a level of pieces."""
    return _piece_forces(level, x).reshape(-1, 3)[level.corners].sum(axis=1)


def coarse_precondition(level: Coarse, r: Vectors) -> Vectors:
    """Product with the inverse of the blocks."""
    return jnp.einsum("nij,nj->ni", level.inverse, r)


def _chebyshev(
    operator: Operator,
    precondition: Operator,
    eigenvalue: Scalar,
    residual: Array,
    *,
    unroll: bool,
) -> Array:
    """Correction for a residual, by a Chebyshev polynomial of the fourth kind of `DEGREE`.

    It needs the largest eigenvalue only.

    Args:
        operator: stiffness.
        precondition: product with the inverse blocks.
        eigenvalue: largest of the block-Jacobi operator.
        residual: to be corrected.
        unroll: whether each term is a program of its own and not a turn of a loop: fewer and
            shorter steps on small levels, while on the grid a loop needs less memory.
    """

    def term(k: Array | int, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        total, step, residual = carry
        residual = residual - operator(step)
        order = jnp.asarray(k, residual.dtype)
        new = (8 * order + 4) / eigenvalue * precondition(residual)
        step = ((2 * order - 1) * step + new) / (2 * order + 3)
        return total + step, step, residual

    first = 4 / (3 * eigenvalue) * precondition(residual)
    return lax.fori_loop(1, DEGREE, term, (first, first, residual), unroll=unroll)[0]


class _Iterate(NamedTuple):
    """Iterate of flexible conjugate gradients: solution, residual, direction and its image."""

    solution: Array
    residual: Array
    direction: Array
    image: Array
    energy: Array

    @classmethod
    def at_zero(cls, force: Array) -> "_Iterate":
        zero = jnp.zeros_like(force)
        return cls(zero, force, zero, zero, jnp.ones((), force.dtype))

    def next(self, operator: Operator, precondition: Operator) -> "_Iterate":
        corrected = precondition(self.residual)
        direction = corrected - jnp.vdot(corrected, self.image) / self.energy * self.direction
        image = operator(direction)
        # all products at once: on a small level they take as long as all else
        energy, along, square, crossed, of_image = (
            jnp.vdot(a, b)
            for a, b in (
                (direction, image),
                (direction, self.residual),
                (self.residual, self.residual),
                (self.residual, image),
                (image, image),
            )
        )
        energy = jnp.where(energy > 0, energy, 1)  # where nothing is left to correct
        length = along / energy
        residual = self.residual - length * image
        # a residual of rounding alone may point where bone has no stiffness, and a step there is
        # without bound: it is not taken, nor is one that is not a number
        new_square = square - 2 * length * crossed + length**2 * of_image
        taken = new_square <= LARGEST_GROWTH**2 * square
        return _Iterate(
            jnp.where(taken, self.solution + length * direction, self.solution),
            jnp.where(taken, residual, self.residual),
            jnp.where(taken, direction, 0),
            jnp.where(taken, image, 0),
            jnp.where(taken, energy, 1),
        )


def _gathered(table: Table, x: Vectors) -> Vectors:
    return (table.weights[:, :, None] * x[table.columns]).sum(axis=1)


def _to_pieces(level: Finest, first: Coarse, r: GridVectors) -> Vectors:
    """Restriction of the finest residual to level 1."""
    layers, _, rows, columns = r.shape
    at = level.corner[:, None] + jnp.asarray(POSITIONS, jnp.int32)  # piece, place in it, axis
    inside = (at < jnp.asarray([layers, rows, columns])).all(axis=2)
    z, node = at[..., 0], _node(at, rows, columns)
    number = 27 * jnp.arange(len(at), dtype=jnp.int32)[:, None] + jnp.arange(27, dtype=jnp.int32)
    own = inside & (level.owner.ravel()[node] == number)
    weights = jnp.asarray(INTERPOLATION, r.dtype)

    def at_corners(component: int) -> Float[Array, "m 8"]:
        place = node + (2 * z + component) * (rows * columns)
        return jnp.where(own, r.ravel()[place], 0) @ weights

    corners = jnp.stack([at_corners(component) for component in range(3)], axis=2)
    return corners.reshape(-1, 3)[first.corners].sum(axis=1)


def _node(at: Int[Array, "... 3"], rows: int, columns: int) -> Int[Array, "..."]:
    """Number of a node of the grid in memory: one index gathers faster than three."""
    return (at[..., 0] * rows + at[..., 1]) * columns + at[..., 2]


def _from_pieces(level: Finest, first: Coarse, x: Vectors) -> GridVectors:
    """Interpolation of level 1 to the finest nodes."""
    weights = jnp.asarray(INTERPOLATION.T, x.dtype)
    corners = x[first.nodes]
    owner = jnp.maximum(level.owner, 0)
    values = [(corners[:, :, component] @ weights).ravel()[owner] for component in range(3)]
    return jnp.where(level.owner[:, None] >= 0, jnp.stack(values, axis=1), 0)


def _coarse_cycle(hierarchy: Hierarchy, number: int, residual: Vectors) -> Vectors:
    level = hierarchy.coarse[number]
    if number + 1 == len(hierarchy.coarse):
        return (hierarchy.pseudoinverse @ residual.reshape(-1)).reshape(residual.shape)
    operator = partial(coarse_operator, level)
    precondition = partial(coarse_precondition, level)
    smooth = partial(_chebyshev, operator, precondition, level.eigenvalue, unroll=True)
    assert level.restriction is not None
    assert level.prolongation is not None
    x = smooth(residual)
    below = _gathered(level.restriction, residual - operator(x))
    x = x + _gathered(level.prolongation, _coarse_visits(hierarchy, number + 1, below))
    return x + smooth(residual - operator(x))


def _coarse_visits(hierarchy: Hierarchy, number: int, residual: Vectors) -> Vectors:
    """Iterations of conjugate gradients on a coarse level, each with one cycle (K-cycle).

    Their step lengths make up for coarse functions that are too stiff in bending.
    """
    precondition = partial(_coarse_cycle, hierarchy, number)
    if number + 1 == len(hierarchy.coarse):
        return precondition(residual)
    operator = partial(coarse_operator, hierarchy.coarse[number])
    return lax.fori_loop(
        0,
        VISITS,
        lambda _, iterate: iterate.next(operator, precondition),
        _Iterate.at_zero(residual),
    ).solution


def cycle(hierarchy: Hierarchy, residual: GridVectors) -> GridVectors:
    """Correction of a displacement for a residual, by one multigrid cycle."""
    finest, first = hierarchy.finest, hierarchy.coarse[0]
    operator = partial(_operator, finest)
    precondition = partial(_precondition, finest)
    smooth = partial(_chebyshev, operator, precondition, LARGEST_EIGENVALUE, unroll=False)
    x = smooth(residual)
    below = _to_pieces(finest, first, residual - operator(x))
    correction = _from_pieces(finest, first, _coarse_visits(hierarchy, 0, below))
    x = x + free(finest.fixed, residual) * correction
    return x + smooth(residual - operator(x))


@jax.jit
def solve(hierarchy: Hierarchy, force: GridVectors, tolerance: Scalar) -> Solution:
    """Displacement u of K u = f from zero, up to a residual relative to f.

    Args:
        hierarchy: the bone.
        force: on the nodes; zero where displacement is prescribed, and so is the solution.
        tolerance: relative residual.
    """
    operator, precondition = partial(_operator, hierarchy.finest), partial(cycle, hierarchy)
    least = tolerance * jnp.linalg.norm(force)

    def unfinished(carry: tuple[_Iterate, Array]) -> Array:
        iterate, iterations = carry
        return (iterations < MAX_ITERATIONS) & (jnp.linalg.norm(iterate.residual) > least)

    def iteration(carry: tuple[_Iterate, Array]) -> tuple[_Iterate, Array]:
        iterate, iterations = carry
        return iterate.next(operator, precondition), iterations + 1

    start = (_Iterate.at_zero(force), jnp.asarray(0))
    iterate, iterations = lax.while_loop(unfinished, iteration, start)
    return Solution(iterate.solution, iterations)
