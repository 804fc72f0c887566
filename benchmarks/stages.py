"""Times and inputs of the stages of a coupling step.

A stage is a function of the package that a step calls between reads of the host. It is replaced by
one that waits for its inputs and results and measures the time between.
"""

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp

from tissue.model import cytokines, lineages, precursors, step, surface_rates
from tissue.simulation import simulation as running

PARTS = {
    "uncoupled_solutes": "TNF, IL-1 and IL-6",
    "solve_rankl_opg": "RANKL and OPG",
    "step_precursors": "precursors",
    "marrow_environment": "solutes at the surface",
    "surface_concentrations": "solutes at the surface",
    "predict_midpoint": "predicted midpoint",
    "local_error": "predicted midpoint",
    "_spread": "diffusion along the surface",
    "_remodel": "bone motion",
    "bone_geometry": "bone geometry",
    "step_numbers": "diagnostics and metrics",
    "bad_voxels": "diagnostics and metrics",
    "diagnosis": "diagnostics and metrics",
    "unconverged": "diagnostics and metrics",
    "broken_budget": "diagnostics and metrics",
    "ledger_row": "diagnostics and metrics",
}
"""Part of a step by the name of the stage; every other stage belongs to OTHER."""

OTHER = "sources, recruitment, growth"
MODULES = (running, step, lineages, cytokines, precursors, surface_rates)
Around = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@contextmanager
def watched(around: Around) -> Iterator[None]:
    """Context in which `around(name, function, arguments, keywords)` replaces every stage."""
    before = [(m, n, f) for m in MODULES for n, f in vars(m).items() if _is_stage(n, f)]
    inside = [False]
    for module, name, function in before:
        setattr(module, name, _replaced(name, function, around, inside))
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def _is_stage(name: str, function: Any) -> bool:
    ours = callable(function) and not inspect.isclass(function)
    return ours and (name in PARTS or hasattr(function, "lower"))


def _replaced(
    name: str, function: Callable[..., Any], around: Around, inside: list[bool]
) -> Callable[..., Any]:
    @wraps(function)
    def replacement(*arguments: Any, **keywords: Any) -> Any:
        leaves = jax.tree.leaves((arguments, keywords))
        if inside[0] or any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return function(*arguments, **keywords)
        inside[0] = True
        try:
            jax.block_until_ready([leaf for leaf in leaves if isinstance(leaf, jax.Array)])
            return around(name, function, arguments, keywords)
        finally:
            inside[0] = False

    return replacement


def step_parts(advance: Callable[[], object]) -> dict[str, float]:
    """Wall time of every part of one step [ms]."""
    times: dict[str, float] = defaultdict(float)

    def clocked(name: str, function: Callable[..., Any], a: Any, k: Any) -> Any:
        start = time.perf_counter()
        result = jax.block_until_ready(function(*a, **k))
        part = PARTS.get(name, OTHER)
        if name == "step_precursors":
            part = _lineage([*a, *k.values()])
        times[part] += 1e3 * (time.perf_counter() - start)
        return result

    with watched(clocked):
        advance()
    return dict(times)


def _lineage(arguments: list[Any]) -> str:
    """Precursors of osteoblasts, whose mobility is a field (IL-1 slows them), or of osteoclasts."""
    mobility = next(a.mobility for a in arguments if hasattr(a, "mobility"))
    return f"{'osteoblast' if jnp.ndim(mobility) else 'osteoclast'} precursors"


def inputs(advance: Callable[[], object], wanted: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Stage and copies of its arguments, by name, from the last call in a step.

    Raises:
        LookupError: the step does not call it.
    """
    found: list[tuple[Callable[..., Any], dict[str, Any]]] = []

    def noted(name: str, function: Callable[..., Any], a: Any, k: Any) -> Any:
        if name == wanted:
            bound = inspect.signature(function).bind(*a, **k).arguments
            found.append((function, jax.tree.map(_copy, dict(bound))))
        return function(*a, **k)

    with watched(noted):
        advance()
    if not found:
        raise LookupError(f"no stage of a step is called {wanted}")
    return found[-1]


def _copy(leaf: Any) -> Any:
    return jnp.array(leaf, copy=True) if isinstance(leaf, jax.Array) else leaf


def diffusion_along_surface(advance: Callable[[], object]) -> Callable[[], object] | None:
    """Diffusion along the surface alone, compiled, with the inputs of a step.

    It is part of a longer program: the stage that contains it is run once operation by operation.
    """
    stages = ((n, f) for n, f in vars(step).items() if _is_stage(n, f))
    holder = next((n for n, f in stages if _calls(f, "diffuse_along_surface")), None)
    if holder is None:
        return None
    stage, arguments = inputs(advance, holder)
    original = step.diffuse_along_surface  # type: ignore[attr-defined]
    calls: list[tuple[Any, Any]] = []

    def noted(*a: Any, **k: Any) -> Any:
        calls.append((a, k))
        return original(*a, **k)

    step.diffuse_along_surface = noted  # type: ignore[attr-defined]
    try:
        stage.__wrapped__(**arguments)  # type: ignore[attr-defined]
    finally:
        step.diffuse_along_surface = original  # type: ignore[attr-defined]
    a, k = calls[-1]
    compiled = jax.jit(original)
    return lambda: compiled(*a, **k)


def _calls(function: Any, name: str) -> bool:
    return name in inspect.unwrap(function).__code__.co_names
