"""Tasks of every contestant: the same bone, the same equations, the same reference answers.

T1      forward Euler steps of IL-1, RANKL and OPG in an open box: diffusion with the 7-point
        stencil and closed walls, decay, a source, and the binding of RANKL and OPG.
T2      T1 among impermeable bone: a face conducts where both its voxels are marrow.
T3-one  one field at rest in that marrow: 0 = D lap u - k u + s, decay length 19 voxels.
T3      the three cytokines at rest, each with the diffusivity and the decay of the model.

A contestant's process needs numpy alone to read a task. The cases are made once, with scipy, by
the process that runs the contest (`prepare`). Fields are [z, y, x]; lengths in um, times in s.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

CACHE = Path(__file__).resolve().parents[2] / "runs" / "out" / "peers"

SPACING = 20.0
SEED, SMOOTHING, BONE = 0, 4.0, 0.2  # of the noise, its sigma in voxels, the share above threshold
SHELL = 2  # voxels of marrow around bone that make the cytokines

TARGETS = {"T3-one": (2e-3, 2e-4), "T3": (2e-3, 2e-4)}
"""Relative L2 errors that a steady answer has to reach."""

CHECKED_STEPS = 10
"""Explicit steps after which a contestant is compared with the reference."""
EXPLICIT_ERROR = 1e-5
"""Most relative error that float32 may leave after them."""


class Step(NamedTuple):
    """Numbers of T1 and T2, in the order IL-1, RANKL, OPG."""

    diffusivity: tuple[float, ...] = (30.0, 20.0, 25.0)
    decay: tuple[float, ...] = (2e-4, 1e-4, 1.5e-4)
    production: tuple[float, ...] = (1e-4, 2e-4, 3e-4)
    binding: float = 1e-3
    dt: float = 2.0


STEP = Step()


@dataclass(frozen=True)
class Rest:
    """Steady task: every field solves 0 = D lap u - k u + production * shell.

    Attributes:
        diffusivity, decay, production: one number a field.
        marrow: True where something diffuses.
        shell: 1 where it is produced.
        answers: float64 references, relative residual 1e-10.
    """

    diffusivity: np.ndarray
    decay: np.ndarray
    production: np.ndarray
    marrow: np.ndarray
    shell: np.ndarray
    answers: np.ndarray

    def error(self, fields: Any) -> float:
        """Largest relative L2 error among the fields, in the marrow."""
        pairs = zip(np.asarray(fields), self.answers, strict=True)
        return max(relative(u[self.marrow], answer[self.marrow]) for u, answer in pairs)

    def seconds_to_rest(self, target: float) -> float:
        """Time after which a field that was zero is within `target` of rest [s].

        The difference decays as exp(-k t) or faster, and its largest part is uniform.
        """
        return float(np.log(1 / target) / self.decay.min())


def relative(u: Any, answer: np.ndarray) -> float:
    difference = np.asarray(u, np.float64) - answer
    return float(np.linalg.norm(difference) / np.linalg.norm(np.asarray(answer, np.float64)))


def geometry(n: int, masked: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Marrow (bool; everywhere unless masked) and the shell that produces (float32), [z, y, x]."""
    with np.load(CACHE / f"bone_{n}.npz") as case:
        marrow, shell = case["marrow"], case["shell"]
    return marrow if masked else np.ones_like(marrow), shell


def rest(task: str, n: int) -> Rest:
    with np.load(CACHE / f"{task}_{n}.npz") as case:
        return Rest(marrow=geometry(n)[0], shell=geometry(n)[1], **case)


def initial(n: int, masked: bool, dtype: Any = np.float32) -> np.ndarray:
    """Smooth start of T1 and T2, [3, z, y, x]."""
    x = (np.arange(n) + 0.5) / n
    u = np.empty((3, n, n, n), dtype)
    for i in range(3):
        a, b, c = (np.cos(np.pi * (i + 1 + j) * x).astype(dtype) for j in range(3))
        u[i] = 0.5 + 0.25 * a[:, None, None] * b[None, :, None] * c[None, None, :]
    if masked:
        u[:, ~geometry(n)[0]] = 0
    return u


def after_checked_steps(task: str, n: int) -> np.ndarray:
    """Reference of T1 or T2 after CHECKED_STEPS, computed in float64."""
    return np.load(CACHE / f"{task}_{n}.npy")


def prepare(task: str, n: int) -> None:
    """Make the case and its reference if they are missing; needs scipy, and minutes."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (CACHE / f"bone_{n}.npz").exists():
        _save(CACHE / f"bone_{n}.npz", **_bone(n))
    if task in ("T1", "T2"):
        if not (CACHE / f"{task}_{n}.npy").exists():
            _save(CACHE / f"{task}_{n}.npy", _stepped(n, masked=task == "T2"))
    elif not (CACHE / f"{task}_{n}.npz").exists():
        _save(CACHE / f"{task}_{n}.npz", **_at_rest(task, n))


def _save(path: Path, *array: np.ndarray, **arrays: np.ndarray) -> None:
    """Write a file in one move, so that an interrupted case is made again."""
    fresh = path.with_suffix(f".{os.getpid()}{path.suffix}")
    if arrays:
        np.savez(fresh, **arrays)
    else:
        np.save(fresh, *array)
    fresh.replace(path)


def _bone(n: int) -> dict[str, np.ndarray]:
    from scipy import ndimage

    noise = np.random.default_rng(SEED).standard_normal((n, n, n)).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, SMOOTHING)
    bone = noise > np.quantile(noise, 1 - BONE)
    shell = ndimage.binary_dilation(bone, iterations=SHELL) & ~bone
    return {"marrow": ~bone, "shell": shell.astype(np.float32)}


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _stepped(n: int, masked: bool) -> np.ndarray:
    marrow, shell = geometry(n)
    open_to = marrow.astype(float) if masked else np.ones(marrow.shape)
    u = initial(n, masked, np.float64)
    for _ in range(CHECKED_STEPS):
        bound = STEP.binding * u[1] * u[2]
        changes = []
        for i, field in enumerate(u):
            change = STEP.production[i] * shell - STEP.decay[i] * field
            if i > 0:
                change -= bound
            for axis in range(3):
                low, high = _pair(axis)
                flux = (field[high] - field[low]) * open_to[high] * open_to[low]
                flux *= STEP.diffusivity[i] / SPACING**2
                change[low] += flux
                change[high] -= flux
            changes.append(change * open_to)
        u += STEP.dt * np.stack(changes)
    return u.astype(np.float32)


def matrix(case: Rest, field: int) -> tuple[Any, np.ndarray]:
    """k - D lap over the marrow as a sparse matrix, and the source, both of one field."""
    import scipy.sparse as sp

    inside = case.marrow
    number = np.full(inside.shape, -1, np.int32)
    number[inside] = np.arange(inside.sum())
    low, high = [], []
    for axis in range(3):
        below, above = _pair(axis)
        both = inside[below] & inside[above]
        low.append(number[below][both])
        high.append(number[above][both])
    i, j, size = np.concatenate(low), np.concatenate(high), int(inside.sum())
    conductance = case.diffusivity[field] / SPACING**2
    faces = np.bincount(i, minlength=size) + np.bincount(j, minlength=size)
    own = np.arange(size, dtype=np.int32)
    rows, columns = np.concatenate([i, j, own]), np.concatenate([j, i, own])
    values = np.concatenate(
        [np.full(2 * i.size, -conductance), case.decay[field] + conductance * faces]
    )
    source = case.production[field] * case.shell[inside].astype(float)
    return sp.csr_matrix((values, (rows, columns)), shape=(size, size)), source


def _at_rest(task: str, n: int) -> dict[str, np.ndarray]:
    """Conjugate gradients of scipy in float64 until the residual is 1e-10 of the source.

    It starts from our answer, which saves minutes and decides nothing: scipy's residual does.
    """
    import scipy.sparse as sp
    from scipy.sparse.linalg import cg

    from tissue.kernels.elliptic import screened_diffusion

    diffusivity, decay, production = _numbers(task)
    case = Rest(diffusivity, decay, production, *geometry(n), np.empty(0))
    pores, shell = case.marrow.astype(float), case.shell.astype(float)
    answers = np.zeros((decay.size, n, n, n))
    for field in range(decay.size):
        start, _ = screened_diffusion(
            pores,
            pores * decay[field],
            shell * production[field],
            np.zeros_like(pores),
            diffusivity=diffusivity[field],
            spacing=SPACING,
            tolerance=1e-9,
        )
        a, source = matrix(case, field)
        found, failed = cg(
            a,
            source,
            x0=np.asarray(start)[case.marrow],
            rtol=1e-10,
            maxiter=20_000,
            M=sp.diags(1 / a.diagonal()),
        )
        if failed:
            raise RuntimeError(f"no reference for {task}: CG did not converge")
        answers[field][case.marrow] = found
    return {
        "diffusivity": diffusivity,
        "decay": decay,
        "production": production,
        "answers": answers,
    }


def _numbers(task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Diffusivity [um^2/s], decay [1/s] and production of the fields."""
    if task == "T3-one":
        return np.array([30.0]), np.array([2e-4]), np.array([1e-4])
    from tissue.model.parameters import preset

    day, p = 86400.0, preset("mouse")
    diffusivity = np.array([p.D_I, p.D_R, p.D_O], float) / day
    decay = np.array([p.k_I, p.k_R, p.k_O], float) / day
    return diffusivity, decay, np.array(STEP.production)
