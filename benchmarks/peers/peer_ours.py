"""tissue: the multigrid solver (T3) and the explicit step (T1, T2)."""

import worker

contest, repeats = worker.arguments()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import tasks  # noqa: E402

from tissue.kernels import explicit  # noqa: E402
from tissue.kernels.elliptic import screened_diffusion  # noqa: E402
from tissue.machine.device import keep_memory  # noqa: E402

keep_memory()  # as in every run


def build(contest: worker.Contest) -> worker.Explicit | worker.Steady:
    return stepping(contest) if contest.explicit else steady(contest)


def stepping(contest: worker.Contest) -> worker.Explicit:
    marrow, shell = tasks.geometry(contest.n, contest.masked)
    pores, source, t = jnp.asarray(marrow), jnp.asarray(shell), tasks.STEP
    start = tasks.initial(contest.n, contest.masked)
    d, k, made = (jnp.asarray(rates) for rates in (t.diffusivity, t.decay, t.production))
    equations = explicit.Coefficients(d, k, made, (1, 2), t.binding)
    state: dict[str, tuple[jax.Array, ...]] = {}

    def steps(n: int) -> None:
        after = explicit.steps(
            state["solutes"], pores, source, equations, spacing=tasks.SPACING, dt=t.dt, n=n
        )
        state["solutes"] = jax.block_until_ready(after)

    def reset() -> None:
        state["solutes"] = jax.block_until_ready(tuple(jnp.asarray(u) for u in start))

    return worker.Explicit(steps, reset, lambda: np.stack(state["solutes"]))


def steady(contest: worker.Contest) -> worker.Steady:
    case = tasks.rest(contest.task, contest.n)
    pores = jnp.asarray(case.marrow, jnp.float32)
    shell, zero = jnp.asarray(case.shell), jnp.zeros_like(pores)
    losses = [pores * np.float32(k) for k in case.decay]
    sources = [shell * np.float32(s) for s in case.production]

    def solve(tolerance: float) -> tuple[list[jax.Array], list[int]]:
        found = [
            screened_diffusion(
                pores,
                loss,
                source,
                zero,
                diffusivity=float(d),
                spacing=tasks.SPACING,
                tolerance=tolerance,
            )
            for d, loss, source in zip(case.diffusivity, losses, sources, strict=True)
        ]
        fields = jax.block_until_ready([u for u, _ in found])
        return fields, [int(stats.iterations) for _, stats in found]

    return worker.Steady(solve)


worker.serve(build, contest, repeats, "jax", "numpy")
