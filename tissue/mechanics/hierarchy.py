"""Levels of the multigrid solver of elasticity, from bone and the ends that are held."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tissue.errors import InputError
from tissue.kernels.block_jacobi import with_smoother
from tissue.kernels.elasticity import Coarse, Finest, Hierarchy, Table
from tissue.kernels.hexahedron import CORNERS, PART_MATRICES, PART_STIFFNESS, STIFFNESS
from tissue.mechanics.pieces import (
    FirstPieces,
    NextPieces,
    Pieces,
    first_pieces,
    gather_table,
    next_pieces,
    too_many_nodes,
    weight_table,
)

COARSEST_NODES = 250
"""Number of nodes at which a level is solved by a dense matrix; its set-up takes 0.1 s."""

BUCKET_RATIO = 1.15
"""Ratio of one size of a table to the next smaller: the program is compiled again only when bone
grows or shrinks past one."""

PIECES_AT_ONCE = 4096
"""Coarse pieces whose matrices are summed at once: those of the finer ones take 0.1 GB."""

CUT = 1e-10
"""Eigenvalue of the coarsest level, scaled, over its largest, below which it counts as zero."""


def hierarchy(modulus: np.ndarray, fixed: np.ndarray) -> Hierarchy:
    """Every level of a bone.

    Args:
        modulus: of each voxel over that of the tissue [z, y, x]; 0 is void.
        fixed: ends at which displacement is prescribed [component, axis, end].

    Raises:
        InputError: the box or the bone is too large for tables of 32-bit integers.
    """
    if problem := too_many_nodes(modulus.shape):
        raise InputError(f"{problem}: take a smaller box or coarser voxels")
    first = first_pieces(modulus > 0)
    order, outer = _outer_first(first, modulus.shape, fixed)
    first = _in_order(first, order)
    moduli, matrices = _first_stiffness(first.pieces, modulus, fixed, outer)
    levels: list[Pieces] = [first.pieces]
    joins: list[NextPieces] = []
    stiffness = [matrices]
    while levels[-1].node_count > COARSEST_NODES:
        join = next_pieces(levels[-1])
        if join.pieces.node_count >= levels[-1].node_count:
            break
        finer = (moduli, matrices) if len(levels) == 1 else (None, stiffness[-1])
        stiffness.append(_joined_stiffness(join, *finer))
        levels.append(join.pieces)
        joins.append(join)
    whole = _all_matrices(moduli, matrices) if not joins else stiffness[-1]
    return Hierarchy(
        _finest(first, modulus, fixed),
        tuple(
            _coarse(pieces, stiffness[number], moduli if number == 0 else None, joins[number:][:1])
            for number, pieces in enumerate(levels)
        ),
        jnp.asarray(_pseudoinverse(levels[-1], whole)),
    )


def _outer_first(
    first: FirstPieces, shape: tuple[int, ...], fixed: np.ndarray
) -> tuple[np.ndarray, int]:
    """Order of the pieces in which those at held ends come first, and their number."""
    held = np.zeros(first.pieces.count, bool)
    for axis in range(3):
        place = first.pieces.cells[:, axis]
        held |= fixed[:, axis, 0].any() & (place == 0)
        held |= fixed[:, axis, 1].any() & (place == (shape[axis] - 1) // 2)
    return np.argsort(~held, kind="stable"), int(held.sum())


def _in_order(first: FirstPieces, order: np.ndarray) -> FirstPieces:
    pieces = first.pieces
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    owner = first.owner
    owner = np.where(owner >= 0, 27 * rank[owner // 27] + owner % 27, -1).astype(np.int32)
    ordered = Pieces(pieces.cells[order], pieces.nodes[order], pieces.positions)
    return FirstPieces(ordered, owner)


def _first_stiffness(
    pieces: Pieces, modulus: np.ndarray, fixed: np.ndarray, outer: int
) -> tuple[np.ndarray, np.ndarray]:
    """Moduli of the voxels of each piece, zero in the first `outer` ones, and matrices of those.

    Prescribed displacements are taken out of the voxels that touch them; coarse nodes stay free.
    """
    shape = np.array(modulus.shape)
    voxels = 2 * pieces.cells[:, None] + CORNERS[None]
    padded = np.pad(modulus, [(0, size % 2) for size in shape])
    moduli = padded[tuple(np.moveaxis(voxels, -1, 0))].astype(np.float32)
    at = voxels[:outer]
    ends = np.stack([at == 0, at == shape - 1], axis=-1)  # piece, voxel, axis, end
    codes = ends.reshape(outer, 8, 6) @ (1 << np.arange(6))
    kinds, kind = np.unique(codes * 8 + np.arange(8), return_inverse=True)
    kind = kind.reshape(outer, 8)
    masked = np.empty((len(kinds), 576))
    for number, key in enumerate(kinds):
        touched = (key // 8 >> np.arange(6) & 1).reshape(3, 2).astype(bool)
        kept = np.ones((8, 3))
        for corner, node in enumerate(CORNERS):
            for axis in range(3):
                if touched[axis, node[axis]]:
                    kept[corner, fixed[:, axis, node[axis]]] = 0
        free = kept.ravel()
        part = PART_MATRICES[key % 8]
        masked[number] = (part.T @ (STIFFNESS * np.outer(free, free)) @ part).ravel()
    share = np.zeros((outer, len(kinds)))
    np.add.at(share, (np.arange(outer)[:, None], kind), moduli[:outer])
    moduli[:outer] = 0
    return moduli, (share @ masked).reshape(outer, 24, 24)


def _all_matrices(moduli: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    parts = PART_STIFFNESS.reshape(8, 576)
    every = (moduli @ parts).reshape(-1, 24, 24)
    every[: len(matrices)] += matrices
    return every


def _joined_stiffness(
    join: NextPieces, moduli: np.ndarray | None, matrices: np.ndarray
) -> np.ndarray:
    """Stiffness of each piece, the sum of those of the finer ones in it (Galerkin)."""
    order = np.argsort(join.parent, kind="stable")
    count = join.pieces.count
    starts = np.searchsorted(join.parent[order], np.arange(count + 1))
    joined = np.empty((count, 576))
    # some at a time: the matrices of all finer pieces would take more memory than a solve
    for first in range(0, count, PIECES_AT_ONCE):
        last = min(first + PIECES_AT_ONCE, count)
        finer = order[starts[first] : starts[last]]
        parts = _in_parents(join.octant[finer], finer, moduli, matrices)
        joined[first:last] = np.add.reduceat(parts, starts[first:last] - starts[first], axis=0)
    return joined.reshape(-1, 24, 24)


def _in_parents(
    octants: np.ndarray, pieces: np.ndarray, moduli: np.ndarray | None, matrices: np.ndarray
) -> np.ndarray:
    """Stiffness of some pieces in terms of the corners of their parents, (pieces, 576)."""
    own = np.empty((len(pieces), 576))
    for octant, part in enumerate(PART_MATRICES):
        here = np.flatnonzero(octants == octant)
        if moduli is not None:
            parts = (part.T @ PART_STIFFNESS @ part).reshape(8, 576)
            own[here] = moduli[pieces[here]] @ parts
            here = here[pieces[here] < len(matrices)]
        # part.T K part for all of them as two products of tall matrices
        right = (matrices[pieces[here]].reshape(-1, 24) @ part).reshape(-1, 24, 24)
        left = right.transpose(0, 2, 1).reshape(-1, 24) @ part
        both = left.reshape(-1, 24, 24).transpose(0, 2, 1).reshape(-1, 576)
        own[here] = own[here] + both if moduli is not None else both
    return own


def _finest(first: FirstPieces, modulus: np.ndarray, fixed: np.ndarray) -> Finest:
    cells = first.pieces.cells
    return Finest(
        jnp.asarray(modulus, jnp.float32),
        jnp.asarray(fixed),
        jnp.asarray(_filled(2 * cells.astype(np.int32), _bucket(len(cells)), 0)),
        jnp.asarray(first.owner.reshape([size + 1 for size in modulus.shape])),
    )


def _coarse(
    pieces: Pieces,
    matrices: np.ndarray,
    moduli: np.ndarray | None,
    joins: list[NextPieces],
) -> Coarse:
    """Level with its tables filled up, so that their shapes seldom change."""
    count, nodes = _bucket(pieces.count), _bucket(pieces.node_count)
    corner = 8 * np.repeat(np.arange(pieces.count), 8) + np.tile(np.arange(8), pieces.count)
    corners = gather_table(pieces.nodes.ravel(), corner, nodes, 8 * count - 1)
    restriction = prolongation = None
    if joins:
        rows, columns, weights = joins[0].rows, joins[0].columns, joins[0].weights
        coarse_nodes = _bucket(joins[0].pieces.node_count)
        restriction = _table(columns, rows, weights, coarse_nodes, nodes - 1)
        prolongation = _table(rows, columns, weights, nodes, coarse_nodes - 1)
    level = Coarse(
        nodes=jnp.asarray(_filled(pieces.nodes, count, nodes - 1)),
        corners=jnp.asarray(corners),
        moduli=None if moduli is None else jnp.asarray(_filled(moduli, count, 0)),
        matrices=jnp.asarray(
            _filled(matrices, count if moduli is None else min(_bucket(len(matrices)), count), 0),
            jnp.float32,
        ),
        inverse=jnp.zeros((nodes, 3, 3), jnp.float32),
        eigenvalue=jnp.zeros((), jnp.float32),
        restriction=restriction,
        prolongation=prolongation,
    )
    return jax.block_until_ready(with_smoother(level))


def _table(
    rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, count: int, fill: int
) -> Table:
    return Table(
        jnp.asarray(gather_table(rows, columns, count, fill)),
        jnp.asarray(weight_table(rows, weights, count)),
    )


def _pseudoinverse(pieces: Pieces, matrices: np.ndarray) -> np.ndarray:
    """Pseudoinverse of the stiffness of a level, filled up with zeros.

    Its matrices are in double precision: soft modes of the whole bone lie near their rounding in
    single precision.
    """
    size = 3 * pieces.node_count
    freedom = (3 * pieces.nodes[:, :, None] + np.arange(3)).reshape(-1, 24)
    whole = np.zeros((size, size))
    np.add.at(whole, (freedom[:, :, None], freedom[:, None, :]), matrices)
    diagonal = whole.diagonal()
    scale = np.where(diagonal > CUT * diagonal.max(), 1 / np.sqrt(np.maximum(diagonal, 1e-30)), 0)
    values, vectors = np.linalg.eigh(whole * scale[:, None] * scale)
    kept = values > CUT * values.max()
    vectors = vectors[:, kept] * scale[:, None]
    inverse = ((vectors / values[kept]) @ vectors.T).astype(np.float32)
    return np.pad(inverse, (0, 3 * _bucket(pieces.node_count) - size))


def _bucket(count: int) -> int:
    """Size of a table for `count` rows and at least one to fill it up."""
    size = 16
    while size <= count:
        size = math.ceil(size * BUCKET_RATIO)
    return size


def _filled(table: np.ndarray, count: int, fill: int) -> np.ndarray:
    rest = np.full((count - len(table), *table.shape[1:]), fill, table.dtype)
    return np.concatenate([table, rest])
