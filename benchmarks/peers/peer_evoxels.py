"""evoxels on JAX: explicit steps (T1, T2), and rest by stabilized explicit steps (T3).

It has no elliptic solver, and its Fourier steps need two periodic axes. So the equations are an ODE
class of our own on its Laplacian and its closed walls, advanced as its solvers do: one jitted step
a turn of a Python loop. Impermeable voxels are written with its Laplacian,
sum m_j (u_j - u) = lap(m u) - u lap(m). Rest is approached by Runge-Kutta-Chebyshev (RKC1), whose
steps may be STAGES^2 times as long as an explicit one.
"""

import worker

contest, repeats = worker.arguments()

from dataclasses import dataclass  # noqa: E402
from typing import Any  # noqa: E402

import evoxels  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import tasks  # noqa: E402
from evoxels.pdes import ODE  # noqa: E402
from evoxels.timesteppers import RKC1, ForwardEuler  # noqa: E402
from evoxels.voxelgrid import VoxelGridJax  # noqa: E402

STAGES = 4  # evoxels' default; with more, XLA fuses the stages and computes them again


@dataclass
class Cytokines(ODE):
    """du/dt = D lap u - k u + s - kappa u_b u_c, in the marrow if there is a mask."""

    vg: Any
    diffusivity: Any
    decay: Any
    source: Any
    binding: float
    marrow: Any
    bc: tuple[str, str, str] = ("neumann", "neumann", "neumann")

    def __post_init__(self) -> None:
        self.initialize_boundary_conditions()
        if self.marrow is not None:
            self.around = self.vg.laplace(self.pad_bc(self.marrow))

    @property
    def order(self) -> int:
        return 2

    def rhs_analytic(self, t: Any, u: Any) -> Any:
        raise NotImplementedError

    def rhs(self, t: Any, u: Any) -> Any:
        lap = self.vg.laplace(self.pad_bc(u))  # u is zero in bone: m u = u
        if self.marrow is not None:
            lap = lap - u * self.around
        change = self.diffusivity * lap - self.decay * u + self.source
        if self.binding:
            bound = self.binding * u[1] * u[2]
            change = change - jnp.stack([jnp.zeros_like(bound), bound, bound])
        return change if self.marrow is None else change * self.marrow


def build(contest: worker.Contest) -> worker.Explicit | worker.Steady:
    edge = contest.n * tasks.SPACING
    voxels = evoxels.VoxelFields((contest.n,) * 3, domain_size=(edge,) * 3)
    vg = VoxelGridJax(voxels.grid_info(), precision="float32")
    return stepping(contest, vg) if contest.explicit else steady(contest, vg)


def column(values: Any) -> jax.Array:
    return jnp.asarray(np.array(values, np.float32))[:, None, None, None]


def stepping(contest: worker.Contest, vg: Any) -> worker.Explicit:
    marrow, shell = tasks.geometry(contest.n)
    t = tasks.STEP
    mask = jnp.asarray(marrow, jnp.float32)[None] if contest.masked else None
    source = column(t.production) * jnp.asarray(shell)[None]
    problem = Cytokines(vg, column(t.diffusivity), column(t.decay), source, t.binding, mask)
    step = jax.jit(ForwardEuler(problem, t.dt).step)
    start = tasks.initial(contest.n, contest.masked)
    state: dict[str, jax.Array] = {}

    def steps(n: int) -> None:
        for i in range(n):
            state["u"] = step(i * t.dt, state["u"])
        jax.block_until_ready(state["u"])

    def reset() -> None:
        state["u"] = jax.block_until_ready(jnp.asarray(start))

    return worker.Explicit(steps, reset, lambda: np.asarray(state["u"]))


def steady(contest: worker.Contest, vg: Any) -> worker.Steady:
    case = tasks.rest(contest.task, contest.n)
    mask, shell = jnp.asarray(case.marrow, jnp.float32)[None], jnp.asarray(case.shell)[None]
    source = column(case.production) * shell
    problem = Cytokines(vg, column(case.diffusivity), column(case.decay), source, 0.0, mask)
    fastest = 12 * case.diffusivity.max() / tasks.SPACING**2 + case.decay.max()
    dt = 1.9 * STAGES**2 / float(fastest)
    step = jax.jit(RKC1(problem, dt, polygrad=STAGES).step)

    def solve(tolerance: float) -> tuple[jax.Array, int]:
        count = int(np.ceil(case.seconds_to_rest(tolerance) / dt))
        u = jnp.zeros_like(source)
        for i in range(count):
            u = step(i * dt, u)
        return jax.block_until_ready(u), count * STAGES

    return worker.Steady(solve, tolerances=[contest.target])


worker.serve(build, contest, repeats, "evoxels", "jax", "numpy")
