"""Kernels on one device and on two slabs, compared: a program of its own, which prints JSON.

The number of devices is fixed before JAX starts. `test_slabs.py` runs it and judges what it finds.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from collectives import gathered, in_branches, in_loops, in_program
from jax import Array

from tissue.kernels import binding, elliptic, explicit, slabs, stencil, surface
from tissue.kernels import multigrid as mg
from tissue.kernels.loop import materialize
from tissue.kernels.programs import mesh_of, program, put, whole_grid
from tissue.kernels.transport import drift_diffusion
from tissue.machine.device import enable_compilation_cache

SHAPE = (13, 12, 10)
FULL = 12  # planes of a grid whose slabs are not filled up
SPACING = 10.0
PERIODIC = (-2, -1)
Volume = npt.NDArray[np.float32]


def bone() -> Volume:
    """Smooth bone volume fraction with full, empty and gray voxels."""
    z, y, x = np.indices(SHAPE)
    waves = np.sin(0.9 * z + 0.3) + np.cos(0.8 * y) + np.sin(0.7 * x + 0.2 * z)
    return np.clip(0.5 + 0.6 * waves, 0, 1).astype(np.float32)


def noise(seed: int) -> Volume:
    return np.random.default_rng(seed).uniform(0.5, 1.5, SHAPE).astype(np.float32)


PHI, NOISE, MORE_NOISE = bone(), noise(1), noise(2)
POROSITY = np.maximum(1 - PHI, 0.02)


def faces_of(porosity: Array) -> stencil.RowFaces:
    in_z, in_y, in_x = stencil.to_padded_rows(stencil.harmonic_faces(porosity))
    return slabs.with_end_planes(in_z, porosity.shape, slabs.current_cut()), in_y, in_x


def flux(porosity: Array, u: Array) -> Array:
    shape, faces = u.shape, faces_of(porosity)
    closing = stencil.harmonic_periodic_faces(porosity, PERIODIC)
    row = stencil.to_padded_rows(slabs.only_inside(u))
    row = slabs.with_end_planes(row, shape, slabs.current_cut())
    result = stencil.flux_divergence(faces, row, shape, closing)
    return stencil.unpad_z(stencil.unflatten(result, shape))


def cycle(porosity: Array, source: Array) -> Array:
    shape = source.shape
    capacity = stencil.to_padded_rows(slabs.only_inside(0.01 * porosity))
    levels = mg.hierarchy(faces_of(porosity), capacity[None, None], shape)
    rows = stencil.to_padded_rows(slabs.only_inside(source))[None]
    return stencil.unpad_z(stencil.unflatten(mg.v_cycle(levels, rows), shape))[0]


def diffusion(porosity: Array, source: Array, start: Array) -> elliptic.Solution:
    return elliptic.screened_diffusion(
        porosity, 50 * porosity, source, start, diffusivity=1e6, spacing=SPACING
    )


def drift(porosity: Array, potential: Array, source: Array, start: Array) -> elliptic.Solution:
    return drift_diffusion(
        *(porosity, 1.0, potential, 0.5 * porosity, source, start),
        diffusivity=100.0,
        spacing=SPACING,
        tolerance=1e-4,
        periodic=PERIODIC,
    )


def pair(porosity: Array, sources: tuple[Array, Array], start: Array) -> binding.PairSolution:
    first, second = (
        binding.Reactant(8.6e5, rate, source, start)
        for rate, source in zip((20.0, 30.0), sources, strict=True)
    )
    return binding.binding_pair(
        porosity, first, second, 5.0, spacing=SPACING, tolerance=1e-4, periodic=()
    )


@program
def along(densities: Array, area: Array) -> Any:
    reach = jnp.asarray([100.0])
    return surface.diffuse_along_surface(densities[None], area, reach, SPACING, 1.0, tolerance=1e-5)


def explicit_steps(first: Array, second: Array, pores: Array, source: Array) -> Any:
    rates = jnp.asarray([1.0, 2.0])
    coefficients = explicit.Coefficients(100 * rates, rates, rates, (0, 1), 1.0)
    return explicit.steps(
        (first, second), pores, source, coefficients, spacing=SPACING, dt=0.05, n=5
    )


@program
def motion(phi: Array, eroding: Array, growing: Array) -> surface.Motion:
    return surface.move(phi, eroding, growing, SPACING, 2.0, PERIODIC)


@program
def surface_terms(phi: Array, rate: Array) -> tuple[Array, ...]:
    area = surface.specific_surface(phi, SPACING, PERIODIC)
    exchange = surface.exchange(1.001 - phi, area, PERIODIC)
    return area, exchange.to_surface(rate), exchange.deposit(rate), stencil.local_max(phi, 2)


@program
def sums(u: Array) -> tuple[Array, ...]:
    return stencil.total(u), slabs.mean(u), slabs.largest(u), slabs.smallest(u)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "flux": (program(flux), (POROSITY, NOISE)),
    "v-cycle": (program(cycle), (POROSITY, NOISE)),
    "diffusion": (diffusion, (POROSITY, NOISE * POROSITY, NOISE / 50)),
    "drift": (drift, (POROSITY, NOISE, NOISE, NOISE)),
    "pair": (pair, (POROSITY, (500 * POROSITY * NOISE, 800 * POROSITY * MORE_NOISE), NOISE)),
    "along the surface": (along, (NOISE, np.maximum(PHI * (1 - PHI) - 0.05, 0))),
    "motion": (motion, (PHI, 3 * NOISE, 2 * MORE_NOISE)),
    "surface terms": (surface_terms, (PHI, NOISE)),
    "explicit": (explicit_steps, (NOISE, MORE_NOISE, PHI < 0.5, NOISE)),
    "sums": (sums, (NOISE,)),
}


def compared(function: Callable[..., Any], arguments: tuple[Any, ...], mesh: Any) -> list[Any]:
    """Largest difference of each field over its largest value; both of each number."""
    one = jax.tree.leaves(function(*jax.tree.map(jnp.asarray, arguments)))
    many = jax.tree.leaves(whole_grid(function(*put(arguments, mesh))))
    found: list[Any] = []
    for a, b in zip(map(np.asarray, one), map(np.asarray, many), strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise TypeError(f"{a.dtype} {a.shape} on one device, {b.dtype} {b.shape} on slabs")
        found += [float(abs(a - b).max() / abs(a).max())] if a.ndim else [[float(a), float(b)]]
    return found


def messages(text: str) -> dict[str, Any]:
    return {
        "all": in_program(text),
        "loops": in_loops(text),
        "branches": in_branches(text),
        "gathered": gathered(text),
    }


def compiled(function: Any, *arguments: Any) -> dict[str, Any]:
    return messages(function.lower(*arguments).compile().as_text())


def refusal(function: Any, *arguments: Any) -> str:
    """Sentence with which a function refuses its arguments."""
    try:
        function(*arguments)
    except ValueError as error:
        return str(error)
    return ""


def periodic_along_z(u: Array) -> Array:
    return surface.specific_surface(u, SPACING, (-3,))


def main() -> None:
    enable_compilation_cache()
    mesh = mesh_of(SHAPE[0], jax.devices())
    differences = {name: compared(*case, mesh) for name, case in CASES.items()}
    full = mesh_of(FULL, jax.devices())
    for name in ("sums", "diffusion", "drift"):
        function, arguments = CASES[name]
        shorter = tuple(each[:FULL] for each in arguments)
        differences[f"{name} of full slabs"] = compared(function, shorter, full)
    porosity, source = put((POROSITY, NOISE), mesh)

    def in_a_branch(u: Array) -> Array:
        return materialize(lambda u: stencil.shift(u, -3, 1), u)

    system = elliptic._scaled_system(porosity, porosity, source, source, (1.0, 1.0), ())
    spoiled = NOISE.copy()
    spoiled[0, 0, 0] = np.nan
    result = {
        "differences": differences,
        "messages": {
            "flux": compiled(program(flux), porosity, source),
            "diffusion": compiled(elliptic.solve, system, 1e-4),
            "motion": compiled(motion, porosity, source, source),
            "along the surface": compiled(along, source, porosity),
            "flux without slabs": compiled(jax.jit(flux), porosity, source),
            "in a branch": compiled(program(in_a_branch), source),
            "one device": compiled(elliptic.solve, whole_system(), 1e-4),
        },
        "nan": bool(np.isnan(whole_grid(program(cycle)(porosity, put(spoiled, mesh)))).all()),
        "periodic along z": refusal(program(periodic_along_z), source),
        "back": bool(np.array_equal(whole_grid(source), NOISE)),
    }
    json.dump(result, sys.stdout)


def whole_system() -> elliptic.LinearSystem:
    porosity, source = jnp.asarray(POROSITY), jnp.asarray(NOISE)
    return elliptic._scaled_system(porosity, porosity, source, source, (1.0, 1.0), ())


if __name__ == "__main__":
    main()
