"""Healthy state and steps on one device and on two slabs: a program of its own, which prints JSON.

The number of devices is fixed before JAX starts. `test_steps_on_slabs.py` runs it and judges what
it finds.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from collectives import gathered, in_branches, in_program

from tissue.kernels import programs

MESSAGES: dict[str, dict[str, Any]] = {}
"""Messages of every program of the steps on slabs, by its name."""

recording = False
plain_program = programs.program


def recorded_program(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """`programs.program` that keeps what a function sends when it is called on slabs."""
    if function is None:
        return lambda function: recorded_program(function, **options)
    made = plain_program(function, **options)

    def called(*arguments: Any, **named: Any) -> Any:
        if recording and programs._mesh_among(arguments, named):
            text = made.lower(*arguments, **named).compile().as_text()
            MESSAGES[f"{function.__module__}.{function.__name__}"] = {
                "all": in_program(text),
                "branches": in_branches(text),
                "gathered": gathered(text),
            }
        return made(*arguments, **named)

    return called


programs.program = recorded_program

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from tissue.kernels.programs import mesh_of, put, whole_grid  # noqa: E402
from tissue.machine.device import enable_compilation_cache  # noqa: E402
from tissue.model.conservation import StepRecord  # noqa: E402
from tissue.model.context import Numerics, StepContext  # noqa: E402
from tissue.model.forcing import Forcing  # noqa: E402
from tissue.model.homeostasis import healthy_state  # noqa: E402
from tissue.model.parameters import preset  # noqa: E402
from tissue.model.step import advance  # noqa: E402
from tissue.simulation.step_report import step_numbers  # noqa: E402

SHAPE = (13, 12, 10)
STEPS, DT = 3, 0.5


def bone() -> np.ndarray:
    z, y, x = np.indices(SHAPE)
    waves = np.sin(0.9 * z + 0.3) + np.cos(0.8 * y) + np.sin(0.7 * x + 0.2 * z)
    return np.clip(0.5 + 0.6 * waves, 0, 1).astype(np.float32)


def differences(one: Any, many: Any) -> dict[str, float]:
    """Largest difference of every array over its largest value, by its path; nan equals nan."""
    found = {}
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(whole_grid(many)), strict=True
    )
    for (path, a), b in pairs:
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            raise TypeError(f"{path}: {a.dtype} {a.shape} and {b.dtype} {b.shape}")
        same = np.array_equal(a, b, equal_nan=True)
        found[jax.tree_util.keystr(path)] = 0.0 if same else float(abs(a - b).max() / abs(a).max())
    return found


def main() -> None:
    global recording
    enable_compilation_cache()
    mesh, phi, p = mesh_of(SHAPE[0], jax.devices()), jnp.asarray(bone()), preset("human")
    on_slabs = put(phi, mesh)
    exact = Numerics(20.0, 1e-6)
    healthy = healthy_state(phi, p, exact, load_from_density=True)
    healthy_on_slabs = healthy_state(on_slabs, p, exact, load_from_density=True)
    found: dict[str, Any] = {"health": differences(healthy, healthy_on_slabs)}
    # from a face, as arthritis does: every solute that IL-1 drives varies along z
    source = np.broadcast_to(np.linspace(0, 800, SHAPE[0])[:, None, None], SHAPE)
    forcing = Forcing(source={"il1": jnp.asarray(source, jnp.float32)})
    context = StepContext(forcing, p, Numerics(20.0, 1e-4), healthy.reference)
    state, context_on_slabs = healthy.state, put(context, mesh)
    state_on_slabs = put(state, mesh)
    for step in range(STEPS):
        recording = step == 0  # each program is compiled once more to be read
        before, before_on_slabs = state, state_on_slabs
        state, diagnostics = advance(before, context, DT)
        state_on_slabs, diagnostics_on_slabs = advance(before_on_slabs, context_on_slabs, DT)
    record = StepRecord(before, state, diagnostics)
    record_on_slabs = StepRecord(before_on_slabs, state_on_slabs, diagnostics_on_slabs)
    recording = True
    span, start = (STEPS * DT, DT), float(phi.mean())
    numbers = step_numbers(record, forcing, span, start)
    numbers_on_slabs = step_numbers(record_on_slabs, context_on_slabs.forcing, span, start)
    found["state"] = differences(state, state_on_slabs)
    found["metrics"] = differences(numbers.metrics, numbers_on_slabs.metrics)
    found["iterations"] = {
        name: [int(stats.iterations), int(diagnostics_on_slabs.solver_stats[name].iterations)]
        for name, stats in diagnostics.solver_stats.items()
    }
    found["residuals"] = {k: float(v) for k, v in numbers_on_slabs.residuals.items()}
    found["bad"] = {k: float(v) for k, v in numbers_on_slabs.bad.items()}
    found["change"] = float(abs(state.bone_volume_fraction - phi).max())
    found["messages"] = MESSAGES
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
