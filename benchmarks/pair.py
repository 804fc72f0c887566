"""V-cycles that the pair of RANKL and OPG takes in a running simulation.

Counted at the default parameters and at strong binding (kappa O / k_R = 100), in V-cycles of the
pair and in V-cycles of a single field of the same cost. The true error is measured against a tight
solve in float64.
"""

from dataclasses import replace
from statistics import mean
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import config, running
from harness import chosen, machine, measured_on, options, publish, record, table
from stages import inputs

from tissue.bench import operators
from tissue.bench.timing import timed
from tissue.kernels import multigrid, stencil
from tissue.model.parameters import preset

STRONG = 100.0  # kappa O / k_R
GOALS = 4, 16  # single-field cycles: at the default binding, and where it is strong
TIGHT = 1e-9


def main() -> None:
    asked = chosen(options(__doc__, 64, 128))
    machine()
    ratio, single_ms, pair_ms = cycle_ratio(asked.edge)
    p = preset("mouse")
    kappa = STRONG * float(p.k_R) / float(p.O_0)
    default = float(p.kappa) * float(p.O_0) / float(p.k_R)
    cases = {
        f"default (kappa O / k_R = {default:.2g})": None,
        f"strong ({STRONG:g})": {"kappa": f"{kappa:.6g} 1/(pM day)"},
    }
    rows, raw = [], []
    for (name, parameters), goal in zip(cases.items(), GOALS, strict=True):
        found = measured(asked.edge, parameters, steps=15 if asked.full else 5)
        cycles = found["cycles"]
        rows.append(
            (
                name,
                cycles,
                f"{found['fewest']} .. {found['most']}",
                cycles * ratio,
                f"{found['error']:.1e}",
                found["ms"],
                found["ms"] / single_ms,
                f"{'yes' if cycles * ratio <= goal else 'no'} ({goal})",
            )
        )
        raw.append({"edge": asked.edge, "case": name, "ratio": ratio, **found})
    heads = (
        "binding",
        "pair cycles a step",
        "range",
        "as single-field cycles",
        "true error",
        "ms a solve",
        "solve in single-field cycles",
        "goal met",
    )
    publish(
        "pair",
        f"{asked.edge}^3, float32, warm, adaptive steps. A V-cycle of the pair takes "
        f"{pair_ms:.1f} ms, {ratio:.2f} of one of a single field ({single_ms:.1f} ms). The "
        f"last column but one includes all that a solve does, set-up included.\n\n"
        f"{table(heads, rows)}\n\n{measured_on()}",
    )
    record("pair", raw)


def cycle_ratio(edge: int) -> tuple[float, float, float]:
    """Cost of a V-cycle of two fields over one of a single field, and both [ms]."""
    eps = jnp.full((edge,) * 3, 0.8, jnp.float32)
    c = eps / 900
    matrix = jnp.stack([jnp.stack([2 * c, -c]), jnp.stack([-c, 2 * c])])
    one, two = operators.levels_of(eps, c[None, None]), operators.levels_of(eps, matrix)
    u, v = stencil.to_padded_rows(eps[None]), stencil.to_padded_rows(jnp.stack([eps, eps]))
    cycle = jax.jit(multigrid.v_cycle)
    times = timed(
        {
            "one": lambda: cycle(one, u),
            "two": lambda: cycle(two, v),
        },
        repeats=15,
    )
    single, pair = times["one"].median, times["two"].median
    return pair / single, single, pair


def measured(edge: int, parameters: dict[str, str] | None, steps: int) -> dict[str, Any]:
    """V-cycles a step, the true error at the end, and the time of a solve [ms]."""
    simulation = running(config(edge, parameters=parameters))
    cycles = [simulation.advance().iterations["rankl and opg"] for _ in range(steps)]
    solve, arguments = inputs(simulation.advance, "solve_rankl_opg")

    def solved(arguments: dict[str, Any]) -> Any:
        # a solve uses up the sources that it is given
        return solve(**arguments | {"made": jax.tree.map(jnp.copy, arguments["made"])})

    found, _ = solved(arguments)
    exact, _ = solved(tight(arguments))
    errors = [relative(found.a, exact.a), relative(found.b, exact.b)]
    ms = timed({"": lambda: solved(arguments)}, repeats=5)[""].median
    return {
        "cycles": mean(cycles),
        "fewest": min(cycles),
        "most": max(cycles),
        "error": max(errors),
        "ms": ms,
    }


def tight(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the same solve in float64, to a far smaller tolerance."""

    def widened(leaf: Any) -> Any:
        single = isinstance(leaf, jax.Array) and leaf.dtype == jnp.float32
        return leaf.astype(jnp.float64) if single else leaf

    wide = jax.tree.map(widened, arguments)
    numerics = replace(wide["context"].numerics, tolerance=TIGHT)
    return wide | {"context": replace(wide["context"], numerics=numerics)}


def relative(found: jax.Array, exact: jax.Array) -> float:
    """Relative L2 error."""
    a, b = np.asarray(found, float), np.asarray(exact, float)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


if __name__ == "__main__":
    main()
