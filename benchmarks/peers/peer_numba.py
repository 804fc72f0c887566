"""Hand-written numba: a tuned explicit step (T1, T2) and matrix-free conjugate gradients (T3)."""

import worker

contest, repeats = worker.arguments()

import numba as nb  # noqa: E402
import numpy as np  # noqa: E402
import tasks  # noqa: E402

f = np.float32


@nb.njit(fastmath=True, inline="always")
def row(u, low, high, below, above, rankl, opg, source, marrow, faces, new, r, k, s, bind):
    """One row of x; the ends are peeled so that the rest becomes vector instructions."""
    last = u.shape[0] - 1
    for x in range(1, last):
        around = low[x] + high[x] + below[x] + above[x] + u[x - 1] + u[x + 1]
        moved = r * (around - f(faces[x]) * u[x])
        made = s * source[x] - bind * rankl[x] * opg[x]
        new[x] = f(marrow[x]) * (u[x] - k * u[x] + moved + made)
    for x in (0, last):
        around = low[x] + high[x] + below[x] + above[x] + u[1 if x == 0 else x - 1]
        moved = r * (around - f(faces[x]) * u[x])
        made = s * source[x] - bind * rankl[x] * opg[x]
        new[x] = f(marrow[x]) * (u[x] - k * u[x] + moved + made)


@nb.njit(parallel=True, fastmath=True)
def step(u, new, source, marrow, faces, nothing, r, k, s, bind):
    """Bone stays at zero, so a neighbor needs no mask, only the number of open faces."""
    _, nz, ny, _ = u.shape
    for z in nb.prange(nz):
        for y in range(ny):
            for i in range(3):
                low = u[i, z - 1, y] if z > 0 else nothing
                high = u[i, z + 1, y] if z < nz - 1 else nothing
                below = u[i, z, y - 1] if y > 0 else nothing
                above = u[i, z, y + 1] if y < ny - 1 else nothing
                row(
                    u[i, z, y],
                    low,
                    high,
                    below,
                    above,
                    u[1, z, y],
                    u[2, z, y],
                    source[z, y],
                    marrow[z, y],
                    faces[z, y],
                    new[i, z, y],
                    r[i],
                    k[i],
                    s[i],
                    bind[i],
                )


@nb.njit(fastmath=True, inline="always")
def applied_row(p, low, high, below, above, marrow, faces, out, conductance, decay):
    last, product = p.shape[0] - 1, f(0)
    for x in range(1, last):
        around = low[x] + high[x] + below[x] + above[x] + p[x - 1] + p[x + 1]
        out[x] = f(marrow[x]) * (decay * p[x] + conductance * (f(faces[x]) * p[x] - around))
        product += out[x] * p[x]
    for x in (0, last):
        around = low[x] + high[x] + below[x] + above[x] + p[1 if x == 0 else x - 1]
        out[x] = f(marrow[x]) * (decay * p[x] + conductance * (f(faces[x]) * p[x] - around))
        product += out[x] * p[x]
    return product


@nb.njit(parallel=True, fastmath=True)
def applied(p, out, marrow, faces, nothing, conductance, decay):
    """out = (k - D lap) p, and p . out."""
    nz, ny, _ = p.shape
    product = 0.0
    for z in nb.prange(nz):
        part = 0.0
        for y in range(ny):
            low = p[z - 1, y] if z > 0 else nothing
            high = p[z + 1, y] if z < nz - 1 else nothing
            below = p[z, y - 1] if y > 0 else nothing
            above = p[z, y + 1] if y < ny - 1 else nothing
            part += applied_row(
                p[z, y],
                low,
                high,
                below,
                above,
                marrow[z, y],
                faces[z, y],
                out[z, y],
                conductance,
                decay,
            )
        product += part
    return product


@nb.njit(parallel=True, fastmath=True)
def moved(u, r, p, a_p, length):
    """u and r after a step along p, and r . r."""
    square = 0.0
    for z in nb.prange(u.shape[0]):
        part = 0.0
        for y in range(u.shape[1]):
            for x in range(u.shape[2]):
                u[z, y, x] += length * p[z, y, x]
                left = r[z, y, x] - length * a_p[z, y, x]
                r[z, y, x] = left
                part += left * left
        square += part
    return square


@nb.njit(parallel=True, fastmath=True)
def turned(p, r, share):
    for z in nb.prange(p.shape[0]):
        for y in range(p.shape[1]):
            for x in range(p.shape[2]):
                p[z, y, x] = r[z, y, x] + share * p[z, y, x]


def open_faces(marrow: np.ndarray) -> np.ndarray:
    padded = np.pad(marrow.astype(np.uint8), 1)
    inner = slice(1, -1)
    return (
        padded[2:, inner, inner]
        + padded[:-2, inner, inner]
        + padded[inner, 2:, inner]
        + padded[inner, :-2, inner]
        + padded[inner, inner, 2:]
        + padded[inner, inner, :-2]
    )


def build(contest: worker.Contest) -> worker.Explicit | worker.Steady:
    return stepping(contest) if contest.explicit else steady(contest)


def stepping(contest: worker.Contest) -> worker.Explicit:
    marrow, shell = tasks.geometry(contest.n, contest.masked)
    mask, faces = marrow.astype(np.uint8), open_faces(marrow)
    start = tasks.initial(contest.n, contest.masked)
    state = {"old": start.copy(), "new": np.empty_like(start)}
    nothing, t = np.zeros(contest.n, f), tasks.STEP
    rates = [np.array(q, f) for q in (t.diffusivity, t.decay, t.production, (0, 1, 1))]
    scale = [t.dt / tasks.SPACING**2, t.dt, t.dt, t.dt * t.binding]
    numbers = [rate * f(by) for rate, by in zip(rates, scale, strict=True)]

    def steps(n: int) -> None:
        for _ in range(n):
            step(state["old"], state["new"], shell, mask, faces, nothing, *numbers)
            state["old"], state["new"] = state["new"], state["old"]

    def reset() -> None:
        state["old"][:] = start

    return worker.Explicit(steps, reset, lambda: state["old"])


def steady(contest: worker.Contest) -> worker.Steady:
    case = tasks.rest(contest.task, contest.n)
    mask, nothing = case.marrow.astype(np.uint8), np.zeros(contest.n, f)

    def one(field: int, tolerance: float) -> tuple[np.ndarray, int]:
        """CG; its diagonal is nearly constant, so that scaling by it gains nothing."""
        faces = open_faces(case.marrow)
        conductance = f(case.diffusivity[field] / tasks.SPACING**2)
        decay = f(case.decay[field])
        r = case.shell * f(case.production[field])
        u, a_p = np.zeros_like(r), np.empty_like(r)
        p, square, iterations = r.copy(), float(np.vdot(r, r)), 0
        enough = tolerance**2 * square
        while square > enough and iterations < 5000:
            length = square / applied(p, a_p, mask, faces, nothing, conductance, decay)
            left = moved(u, r, p, a_p, f(length))
            turned(p, r, f(left / square))
            square, iterations = left, iterations + 1
        return u, iterations

    def solve(tolerance: float) -> tuple[np.ndarray, list[int]]:
        found = [one(i, tolerance) for i in range(case.decay.size)]
        return np.stack([u for u, _ in found]), [n for _, n in found]

    return worker.Steady(solve)


worker.serve(build, contest, repeats, "numba", "numpy")
