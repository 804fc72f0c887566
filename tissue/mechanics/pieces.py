"""Coarse elements of bone: pieces that hang together in cells of 2^l voxels.

In each block of 2 x 2 x 2 cells the elements that share a node form one coarse element with eight
corners; a cell with two separate trabeculae has two. Corners of neighboring pieces are one node
where the pieces share a finer node on the support of that corner. Coarse functions therefore never
join bone across marrow, which is what slows multigrid down in thin struts.

References:
    Dick, Georgii & Westermann 2011, IEEE Trans Vis Comput Graph 17:1663 (coarse cells duplicated
    by connectivity); Nesme et al. 2009, SIGGRAPH (the same without a grid hierarchy).
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from tissue.errors import InputError
from tissue.kernels.hexahedron import CORNERS, INTERPOLATION, POSITIONS

Integers = np.ndarray

MOST_NUMBERS = 2**31
"""Most numbers of a vector on the nodes of the grid, or on those of the pieces of the first coarse
level: tables of places in them are of 32-bit integers."""

_NEAR = np.all(np.isin(POSITIONS[:, None] - CORNERS, (0, 1)), axis=2)
"""Whether each finer node is a corner of each voxel of a block (27, 8)."""

_TOUCHED = (np.arange(256)[:, None] >> np.arange(8) & 1) @ _NEAR.T > 0
"""Whether bone in a block, coded by its voxels, touches each finer node (256, 27)."""


@dataclass(frozen=True)
class Pieces:
    """Coarse elements of one level.

    Attributes:
        cells: place of the cell of each piece, (m, 3).
        nodes: its corners, (m, 8).
        positions: place of each node, (n, 3).
    """

    cells: Integers
    nodes: Integers
    positions: Integers

    @property
    def count(self) -> int:
        """Number of pieces."""
        return len(self.cells)

    @property
    def node_count(self) -> int:
        """Number of nodes."""
        return len(self.positions)


@dataclass(frozen=True)
class FirstPieces:
    """First coarse level, whose elements are blocks of 2 x 2 x 2 voxels.

    Attributes:
        pieces: its elements and nodes.
        owner: for each finest node, 27 times the piece it takes its value from plus its place in
            that piece; -1 off bone; flat.
    """

    pieces: Pieces
    owner: Integers


@dataclass(frozen=True)
class NextPieces:
    """A coarser level.

    Attributes:
        pieces: its elements and nodes.
        parent: piece that each finer piece is part of.
        octant: place of each finer piece in its parent, 0 to 7.
        rows, columns, weights: interpolation from coarse to finer nodes.
    """

    pieces: Pieces
    parent: Integers
    octant: Integers
    rows: Integers
    columns: Integers
    weights: np.ndarray


def too_many_nodes(shape: tuple[int, ...]) -> str:
    """Reason why a box of voxels [z, y, x] has too many nodes; empty where it has not."""
    numbers = 3 * math.prod(size + 1 for size in shape)
    if numbers < MOST_NUMBERS:
        return ""
    return (
        f"the box has {numbers} displacements on its nodes, and finite elements number fewer than "
        f"{MOST_NUMBERS}, those of about 890^3 voxels"
    )


def first_pieces(bone: np.ndarray) -> FirstPieces:
    """Pieces of voxels that are bone [z, y, x].

    All voxels of a block share its middle node, so a block is one piece; only its corners may be
    several nodes.

    Raises:
        InputError: there are more of them than 32-bit integers count.
    """
    shape = tuple((size + 1) // 2 for size in bone.shape)
    blocks = np.zeros(tuple(2 * size for size in shape), bool)
    blocks[tuple(slice(size) for size in bone.shape)] = bone
    code = np.zeros(shape, np.uint8)
    for voxel, (k, j, i) in enumerate(CORNERS):
        code |= blocks[k::2, j::2, i::2].astype(np.uint8) << voxel
    cells = np.argwhere(code)
    if 27 * len(cells) >= MOST_NUMBERS:
        raise InputError(
            f"bone fills {len(cells)} blocks of 2 x 2 x 2 voxels, and finite elements number at "
            f"most {MOST_NUMBERS // 27}: take a smaller box or coarser voxels"
        )
    number = np.full(tuple(size + 2 for size in shape), -1, np.int32)  # a rim of no piece
    number[tuple((cells + 1).T)] = np.arange(len(cells))
    codes = code[tuple(cells.T)]

    # blocks around each corner, in the order of CORNERS, as numbers of pieces
    around = np.stack(
        [
            number[k : k + shape[0] + 1, j : j + shape[1] + 1, i : i + shape[2] + 1].ravel()
            for k, j, i in CORNERS
        ]
    )
    used = np.flatnonzero((around >= 0).any(axis=0))
    around = around[:, used]
    label = _glued(np.where(around >= 0, codes[around], 0))
    is_node = (label == np.arange(8)[:, None]) & (around >= 0)
    node = np.cumsum(is_node.T.ravel(), dtype=np.int64).reshape(-1, 8).T - 1
    nodes = np.empty((len(cells), 8), np.int32)
    at = np.arange(len(used))
    for corner in range(8):
        # the block in octant o has this corner as its corner 7 - o
        here = around[corner] >= 0
        nodes[around[corner, here], 7 - corner] = node[label[corner, here], at[here]]
    places = np.stack(np.unravel_index(used, tuple(size + 1 for size in shape)), axis=1)
    positions = np.repeat(places[:, None], 8, axis=1)[is_node.T]

    grid = np.array(bone.shape) + 1
    fine = 2 * cells[:, None, :] + POSITIONS[None]
    inside = _TOUCHED[codes]
    flat = (fine[..., 0] * grid[1] + fine[..., 1]) * grid[2] + fine[..., 2]
    mine = np.arange(len(cells) * 27, dtype=np.int32).reshape(-1, 27)
    owner = np.full(int(np.prod(grid)), -1, np.int32)
    owner[flat[inside]] = mine[inside]
    return FirstPieces(Pieces(cells, nodes, positions), owner)


def _glued(codes: np.ndarray) -> np.ndarray:
    """Least octant that each of the eight blocks around a corner hangs together with there.

    Args:
        codes: voxels of the blocks, (8, corners); 0 where there is no bone.
    """
    label = np.repeat(np.arange(8, dtype=np.uint8)[:, None], codes.shape[1], axis=1)
    members = []
    for offset in product((-1, 0, 1), repeat=3):  # finer nodes on the support of the corner
        sharing = [
            octant
            for octant, side in enumerate(CORNERS)
            if all(o == 0 or (o > 0) == (s == 1) for o, s in zip(offset, side, strict=True))
        ]
        if len(sharing) > 1:
            touched = []
            for octant in sharing:
                # place of the node in the block: the corner is its far end on the low side
                at = np.array(offset) + 2 * (1 - CORNERS[octant])
                touched.append(_TOUCHED[:, at @ (9, 3, 1)][codes[octant]])
            members.append((sharing, np.stack(touched)))
    while True:
        before = label.copy()
        for sharing, reached in members:
            least = np.where(reached, label[sharing], 8).min(axis=0)
            label[sharing] = np.where(reached, least, label[sharing])
        if (label == before).all():
            return label


def next_pieces(finer: Pieces) -> NextPieces:
    """Pieces of twice the size."""
    m, n = finer.count, finer.node_count
    parent_cell = finer.cells // 2
    size = parent_cell.max(axis=0) + 1
    block = np.ravel_multi_index(tuple(parent_cell.T), tuple(size))
    # finer pieces of a block that share a node hang together
    hub = _numbered(np.repeat(block, 8) * n + finer.nodes.ravel())
    parent = _components(np.repeat(np.arange(m), 8), hub, m)
    count = parent.max() + 1
    cells = np.empty((count, 3), parent_cell.dtype)
    cells[parent] = parent_cell

    # every pair of a piece and a finer node in it
    pairs = np.unique(parent[:, None].astype(np.int64) * n + finer.nodes)
    piece, fine = pairs // n, pairs % n
    local = finer.positions[fine] - 2 * cells[piece]
    weights = INTERPOLATION[local @ (9, 3, 1)]
    pair, corner = np.nonzero(weights)
    rows, copies, weight = fine[pair], 8 * piece[pair] + corner, weights[pair, corner]

    # corners at one place that reach one finer node are one node
    places = (cells[:, None, :] + CORNERS[None]).reshape(-1, 3)
    place = np.ravel_multi_index(tuple(places.T), tuple(size + 1))
    hub = _numbered(rows.astype(np.int64) * int(np.prod(size + 1)) + place[copies])
    node = _components(copies, hub, 8 * count)
    positions = np.empty((node.max() + 1, 3), places.dtype)
    positions[node] = places
    nodes = node.reshape(count, 8).astype(np.int32)

    _, first = np.unique(rows.astype(np.int64) * len(positions) + node[copies], return_index=True)
    octant = (finer.cells % 2) @ (4, 2, 1)
    return NextPieces(
        Pieces(cells, nodes, positions),
        parent,
        octant,
        rows[first],
        node[copies][first],
        weight[first],
    )


def _numbered(keys: Integers) -> Integers:
    """Each key as its rank among the different ones."""
    return np.unique(keys, return_inverse=True)[1]


def _components(members: Integers, hubs: Integers, count: int) -> Integers:
    """Number of the component of each member, in order, where a hub joins its members."""
    graph = sparse.coo_matrix(
        (np.ones(len(members), np.int8), (members, count + hubs)),
        shape=(count + hubs.max() + 1,) * 2,
    )
    return _numbered(connected_components(graph, directed=False)[1][:count])


def gather_table(rows: Integers, columns: Integers, count: int, fill: int) -> Integers:
    """Columns of each row side by side, filled up with a column that adds nothing, (count, width).

    The width is a multiple of four, so that it seldom changes with the bone.
    """
    slots, width = _slots(rows, count)
    table = np.full((count, width), fill, np.int32)
    table[rows, slots] = columns
    return table


def weight_table(rows: Integers, weights: np.ndarray, count: int) -> np.ndarray:
    """Weights in the order of `gather_table`, 0 where it was filled up."""
    slots, width = _slots(rows, count)
    table = np.zeros((count, width), np.float32)
    table[rows, slots] = weights
    return table


def _slots(rows: Integers, count: int) -> tuple[Integers, int]:
    order = np.argsort(rows, kind="stable")
    sizes = np.bincount(rows, minlength=count)
    starts = np.cumsum(sizes) - sizes
    slots = np.empty(len(rows), np.int64)
    slots[order] = np.arange(len(rows)) - starts[rows[order]]
    return slots, -(-int(sizes.max()) // 4) * 4
