"""Operators of elasticity beside sums over voxels, and coarse levels beside the products they are.

Every coarse operator is P^T K P of the next finer one, with P the interpolation.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

from tissue.kernels import elastic_voxels, elasticity
from tissue.kernels.elasticity import Hierarchy
from tissue.kernels.hexahedron import (
    CENTROID_STIFFNESS,
    CORNERS,
    INTERPOLATION,
    LARGEST_EIGENVALUE,
    PART_STIFFNESS,
    POISSON_RATIO,
    STIFFNESS,
    strain_displacement,
)
from tissue.mechanics.compression import held_ends
from tissue.mechanics.hierarchy import hierarchy

Array = npt.NDArray[np.float64]
SHAPE = (15, 20, 17)


@cache
def bone() -> Array:
    """Struts of two to three voxels with partial volumes."""
    random = np.random.default_rng(1)
    z, y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    solid = (z % 7 < 2) & (y % 6 < 3) | (y % 6 < 2) & (x % 7 < 2) | (z % 7 < 3) & (x % 7 < 2)
    return np.where(solid, 0.2 + 0.8 * random.random(SHAPE), 0)


@cache
def levels(loading: str) -> Hierarchy:
    return hierarchy(bone().astype(np.float32), held_ends("y", loading))


def displacement(seed: int = 0) -> Array:
    shape = (SHAPE[0] + 1, 3, SHAPE[1] + 1, SHAPE[2] + 1)
    return np.random.default_rng(seed).standard_normal(shape)


def summed_forces(u: Array, modulus: Array) -> Array:
    """Forces as a sum over voxels, one at a time."""
    total = np.zeros_like(u)
    for at in np.argwhere(modulus > 0):
        nodes = [tuple(at + corner) for corner in CORNERS]
        moved = np.concatenate([u[z, :, y, x] for z, y, x in nodes])
        force = modulus[tuple(at)] * STIFFNESS @ moved
        for corner, (z, y, x) in enumerate(nodes):
            total[z, :, y, x] += force[3 * corner : 3 * corner + 3]
    return total


def vector(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Vector on the nodes of a coarse level; the last row fills up."""
    values = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    values[-1] = 0
    return values


FORMS = [elastic_voxels._forces_by_planes, elastic_voxels._forces_by_nodes]


@pytest.mark.parametrize("form", FORMS)
def test_forces_are_the_sum_over_voxels(form: partial[Array]) -> None:
    u = displacement()
    expected = summed_forces(u, bone())
    np.testing.assert_allclose(form(jnp.asarray(u), jnp.asarray(bone())), expected, atol=1e-12)


def test_a_cube_resists_strain_as_the_solid_does() -> None:
    strain = np.array([0.3, -0.1, 0.2, 0.05, -0.2, 0.1])  # zz, yy, xx, yx, xz, zy
    gradient = np.diag(strain[:3])
    for shear, (a, b) in zip(strain[3:], ((1, 2), (2, 0), (0, 1)), strict=True):
        gradient[a, b] += shear  # engineering strain, with a rotation
    u = (CORNERS @ gradient.T).ravel()
    np.testing.assert_allclose(strain_displacement(np.full(3, 0.3)) @ u, strain, atol=1e-14)
    lame = POISSON_RATIO / ((1 + POISSON_RATIO) * (1 - 2 * POISSON_RATIO))
    shear_modulus = 0.5 / (1 + POISSON_RATIO)
    energy = lame * strain[:3].sum() ** 2 + 2 * shear_modulus * (strain[:3] ** 2).sum()
    energy += shear_modulus * (strain[3:] ** 2).sum()
    for form in (STIFFNESS, CENTROID_STIFFNESS):
        assert u @ form @ u == pytest.approx(energy, rel=1e-12)
    assert np.linalg.matrix_rank(STIFFNESS, tol=1e-9) == 24 - 6  # rigid motions cost nothing


def test_eight_parts_are_one_cube_of_twice_the_edge() -> None:
    # stiffness has the unit of a modulus times a length
    np.testing.assert_allclose(PART_STIFFNESS.sum(axis=0), 2 * STIFFNESS, atol=1e-12)
    np.testing.assert_allclose(INTERPOLATION.sum(axis=1), 1)


def test_no_bone_has_a_larger_eigenvalue_than_one_cube() -> None:
    finest = levels("slide").finest
    x = displacement().astype(np.float32)
    smoothed = jax.jit(lambda x: elasticity._precondition(finest, elasticity._operator(finest, x)))
    for _ in range(60):
        y = smoothed(x)
        size = float(jnp.linalg.norm(y) / np.linalg.norm(x))
        x = np.asarray(y / size)
    assert 0.8 * LARGEST_EIGENVALUE < size <= LARGEST_EIGENVALUE


@pytest.mark.parametrize("loading", ["confined", "platens", "slide"])
def test_the_preconditioner_inverts_the_block_of_each_node(loading: str) -> None:
    finest = levels(loading).finest
    free = np.asarray(elastic_voxels.free(finest.fixed, jnp.asarray(displacement())))
    on_bone = np.asarray(finest.owner) >= 0
    precondition = jax.jit(partial(elasticity._precondition, finest))
    for z, y, x in np.random.default_rng(2).permutation(np.argwhere(on_bone))[:12]:
        block = np.zeros((3, 3))
        for component in range(3):
            one = np.zeros(free.shape)
            one[z, component, y, x] = free[z, component, y, x]
            block[component] = summed_forces(one, bone())[z, :, y, x] * free[z, :, y, x]
        force = np.zeros(free.shape, np.float32)
        force[z, :, y, x] = 1, 2, 3
        found = np.asarray(precondition(force))[z, :, y, x]
        expected = np.linalg.pinv(block) @ (force[z, :, y, x] * free[z, :, y, x])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loading", ["confined", "platens", "slide"])
def test_the_first_coarse_level_is_the_grid_seen_through_its_interpolation(loading: str) -> None:
    tree = levels(loading)
    first = tree.coarse[0]
    x = vector(len(first.inverse))
    fine = elasticity._from_pieces(tree.finest, first, jnp.asarray(x))
    held = elastic_voxels.free(tree.finest.fixed, fine)
    image = elasticity._operator(tree.finest, held * fine)
    expected = elasticity._to_pieces(tree.finest, first, image)
    found = elasticity.coarse_operator(first, jnp.asarray(x))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.abs(expected).max() > 0.5


def test_a_coarser_level_is_the_finer_one_seen_through_its_interpolation() -> None:
    tree = levels("platens")
    assert len(tree.coarse) >= 2
    for finer, coarser in zip(tree.coarse, tree.coarse[1:], strict=False):
        assert finer.prolongation is not None
        assert finer.restriction is not None
        x = jnp.asarray(vector(len(coarser.inverse)))
        fine = elasticity._gathered(finer.prolongation, x)
        image = elasticity.coarse_operator(finer, fine)
        expected = elasticity._gathered(finer.restriction, image)
        found = elasticity.coarse_operator(coarser, x)
        np.testing.assert_allclose(found, expected, atol=5e-5)


def test_restriction_is_the_transpose_of_interpolation() -> None:
    tree = levels("confined")
    first = tree.coarse[0]
    x, r = vector(len(first.inverse)), displacement().astype(np.float32)
    fine = elasticity._from_pieces(tree.finest, first, jnp.asarray(x))
    coarse = elasticity._to_pieces(tree.finest, first, jnp.asarray(r))
    assert float(jnp.vdot(fine, r)) == pytest.approx(float(jnp.vdot(x, coarse)), rel=1e-4)


def test_a_rigid_motion_is_interpolated_on_every_level() -> None:
    """Coarse functions of split corners add up to one."""
    tree = levels("confined")
    ones = [np.ones((len(level.inverse), 3), np.float32) for level in tree.coarse]
    on_bone = np.asarray(tree.finest.owner) >= 0
    fine = np.asarray(elasticity._from_pieces(tree.finest, tree.coarse[0], jnp.asarray(ones[0])))
    np.testing.assert_allclose(np.moveaxis(fine, 1, -1)[on_bone], 1, atol=1e-6)
    for finer, coarser in zip(tree.coarse, ones[1:], strict=False):
        assert finer.prolongation is not None
        moved = np.asarray(elasticity._gathered(finer.prolongation, jnp.asarray(coarser)))
        used = np.unique(np.asarray(finer.nodes))
        np.testing.assert_allclose(moved[used[used < len(moved) - 1]], 1, atol=1e-6)


def test_the_preconditioner_is_positive() -> None:
    tree = levels("platens")
    free = elastic_voxels.free(tree.finest.fixed, jnp.asarray(displacement(), jnp.float32))
    for seed in range(3):
        force = free * jnp.asarray(summed_forces(displacement(seed), bone()), jnp.float32)
        assert float(jnp.vdot(force, elasticity.cycle(tree, force))) > 0


def test_products_of_matrices_keep_their_precision_on_a_gpu() -> None:
    """A GPU rounds their factors to ten bits by default, and soft modes of bone are lost."""
    tree = levels("platens")
    coarsest = jax.ShapeDtypeStruct((len(tree.coarse[-1].inverse), 3), jnp.float32)
    first = jax.ShapeDtypeStruct((len(tree.coarse[0].inverse), 3), jnp.float32)
    for function, x in (
        (partial(elasticity.coarse_operator, tree.coarse[0]), first),
        (partial(elasticity._coarse_cycle, tree, len(tree.coarse) - 1), coarsest),
    ):
        products = [
            line
            for line in jax.jit(function).lower(x).as_text().splitlines()
            if "dot_general" in line
        ]
        assert products
        assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)
