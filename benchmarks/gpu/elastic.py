"""Programs of finite elements, and the shapes of the tables of a bone that they work on.

usage: python benchmarks/gpu/elastic.py EDGE

The tables are as large as a bone makes them. Those of synthetic human bone are kept here, because
making them at 256^3 takes minutes and gigabytes; run as above, this prints them anew.
"""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ahead import Built, Target

from tissue.kernels import elastic_voxels, elasticity
from tissue.kernels.elasticity import Coarse, Finest, Hierarchy, Table


class Level(NamedTuple):
    """Sizes of the tables of a coarse level.

    Attributes:
        pieces: number of pieces.
        nodes: number of nodes.
        corners: most corners of pieces at a node.
        restriction: most nodes that a node of the next level takes its value from; 0 on the
            coarsest.
    """

    pieces: int
    nodes: int
    corners: int
    restriction: int


LEVELS = {
    128: (
        Level(98505, 149816, 8, 40),
        Level(18409, 37030, 12, 40),
        Level(3954, 9151, 12, 72),
        Level(736, 1485, 16, 76),
        Level(75, 156, 12, 0),
    ),
    256: (
        Level(697013, 1219081, 8, 40),
        Level(149816, 301336, 12, 44),
        Level(32200, 74483, 12, 76),
        Level(6919, 12103, 16, 104),
        Level(640, 975, 16, 40),
        Level(65, 135, 8, 0),
    ),
}
HELD_PIECES = {128: 7957, 256: 32200}
"""Pieces of level 1 at faces that are held, whose matrices are kept."""
PROLONGATION = 8
"""Most nodes of the next level that a node takes its value from."""
TOLERANCE = 1e-5


def shape(*sides: int, kind: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    """Shape of an array."""
    return jax.ShapeDtypeStruct(sides, kind)


def nodal(edge: int) -> jax.ShapeDtypeStruct:
    """Shape of vectors on the nodes of the grid."""
    return shape(edge + 1, 3, edge + 1, edge + 1)


def finest(edge: int) -> Finest:
    """Shapes of the finest level."""
    return Finest(
        modulus=shape(edge, edge, edge),
        fixed=shape(3, 3, 2, kind=jnp.bool_),
        corner=shape(LEVELS[edge][0].pieces, 3, kind=jnp.int32),
        owner=shape(edge + 1, edge + 1, edge + 1, kind=jnp.int32),
    )


def hierarchy(edge: int) -> Hierarchy:
    """Shapes of all levels."""
    levels = LEVELS[edge]
    coarse = tuple(_coarse(edge, number) for number in range(len(levels)))
    unknowns = 3 * levels[-1].nodes
    return Hierarchy(finest(edge), coarse, shape(unknowns, unknowns))


def _coarse(edge: int, number: int) -> Coarse:
    level, following = LEVELS[edge][number], LEVELS[edge][number + 1 :][:1]
    restriction = prolongation = None
    for coarser in following:
        restriction = _table(coarser.nodes, level.restriction)
        prolongation = _table(level.nodes, PROLONGATION)
    return Coarse(
        nodes=shape(level.pieces, 8, kind=jnp.int32),
        corners=shape(level.nodes, level.corners, kind=jnp.int32),
        moduli=None if number else shape(level.pieces, 8),
        matrices=shape(level.pieces if number else HELD_PIECES[edge], 24, 24),
        inverse=shape(level.nodes, 3, 3),
        eigenvalue=shape(),
        restriction=restriction,
        prolongation=prolongation,
    )


def _table(rows: int, width: int) -> Table:
    return Table(shape(rows, width, kind=jnp.int32), shape(rows, width))


def every(target: Target, edge: int) -> Iterator[Built]:
    """Programs of finite elements, compiled for a bone in edge^3 voxels."""
    voxels, u, level = edge**3, nodal(edge), finest(edge)
    forces = jax.jit(elastic_voxels.forces)
    yield target.built("elastic forces", voxels, forces, u, level.modulus)
    yield target.built("elastic operator", voxels, jax.jit(elasticity._operator), level, u)
    yield target.built("elastic solve", voxels, elasticity.solve, hierarchy(edge), u, TOLERANCE)


def made(edge: int) -> Hierarchy:
    """All levels of the synthetic bone."""
    from tissue.geometry.settings import SyntheticSettings
    from tissue.geometry.synthetic import synthesize
    from tissue.mechanics.compression import MIN_FRACTION, held_ends
    from tissue.mechanics.hierarchy import hierarchy as levels_of

    settings = SyntheticSettings(shape=(edge,) * 3, spacing=20.0, bv_tv=0.2, thickness=150.0)
    fraction = synthesize(settings).bone_volume_fraction
    bearing = np.where(fraction >= MIN_FRACTION, fraction, 0)
    return levels_of(bearing, held_ends("z", "confined"))


if __name__ == "__main__":
    found = made(int(sys.argv[1]))
    for level in found.coarse:
        below = level.restriction.columns.shape[1] if level.restriction else 0
        nodes, corners = level.corners.shape
        print(Level(len(level.nodes), nodes, corners, below))
    print(f"pieces at held faces: {len(found.coarse[0].matrices)}")
