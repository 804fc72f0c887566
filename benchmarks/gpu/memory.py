"""Memory of a coupling step by stage: fields that are alive, results and temporaries.

A run computes a step as a chain of programs. Here the chain is run by Python as in a run, but each
program is only compiled for the GPU and answers with fields of zeros. So what is alive when one
begins is what Python still holds then; results, temporaries and the memory that arguments leave to
results are those of the compiled program. What is alive includes the state before the step, to
which a rejected step returns, and the healthy reference. On several GPUs all numbers are those of
one of them.
"""

import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import programs
from ahead import Target

from tissue.kernels.programs import over_slabs
from tissue.model.conservation import StepRecord
from tissue.model.step import advance
from tissue.simulation.step_report import step_numbers

FIELD_SHARE = 0.5  # of the voxels, from which an array counts as a field
PACKAGE = "tissue."

Row = dict[str, Any]


_COMPILED: dict[Any, Any] = {}
"""Compiled programs by function, grid and arguments."""


class Chain:
    """Programs of a step as they are called, each compiled for a device.

    Attributes:
        rows: profile of every call, in order.
    """

    def __init__(self, target: Target, edge: int, *, keep: bool = False) -> None:
        """Begin without a call.

        Args:
            target: device to compile for.
            edge: of the grid in voxels.
            keep: hold every result until the end, as a control.
        """
        self.rows: list[Row] = []
        self._target, self._voxels, self._keep = target, edge**3, keep
        self._devices = len(target.devices)
        self._names: dict[int, str] = {}
        self._held: list[Any] = []

    def named(self, tree: Any, name: str) -> Any:
        """The same tree; its fields are listed under a name from now on."""
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if isinstance(leaf, jax.Array) and leaf.size >= FIELD_SHARE * self._voxels:
                self._names[id(leaf)] = f"{name}{jax.tree_util.keystr(path)}"
                weakref.finalize(leaf, self._names.pop, id(leaf), None)
        return tree

    def call(self, name: str, function: Any, arguments: Any, keywords: Any) -> Any:
        """Result of a program, of zeros; its memory is noted."""
        alive = self._alive()
        memory, donated, result = self._compiled(name, function, arguments, keywords)
        results = memory.output_size_in_bytes - memory.alias_size_in_bytes
        self._note(name, alive, results, memory.temp_size_in_bytes)
        made = jax.tree.map(_zeros, result)
        if self._keep:
            self._held.append(made)
        else:
            given = [each for each in jax.tree.leaves((arguments, keywords)) if _is_array(each)]
            for each, taken in zip(given, donated, strict=True):
                if taken:
                    each.delete()
        return self.named(made, name)

    def _compiled(self, name: str, function: Any, arguments: Any, keywords: Any) -> Any:
        """Memory of a program, which of its arguments it takes, and its result as shapes.

        Raises:
            RuntimeError: the compiler does not report the memory.
        """
        placed = self._placed((arguments, keywords))
        shapes, tree = jax.tree.flatten(placed)
        key = function, self._voxels, self._devices, tree, tuple(map(str, shapes))
        if key not in _COMPILED:
            lowered = function.lower(*placed[0], **placed[1])
            arrays = [leaf for leaf in shapes if _is_array(leaf)]
            memory = lowered.compile().memory_analysis()
            if memory is None:
                raise RuntimeError(f"{name}: the compiler does not report its memory")
            donated = [each.donated for each in jax.tree.leaves(lowered.args_info)]
            # programs of numbers alone run as on one GPU
            mesh = self._target.mesh if any(len(leaf.shape) > 2 for leaf in arrays) else None
            if mesh:  # where arguments come in another order
                donated = _donated(lowered, function, arguments, keywords)
            result = _result(function, arguments, keywords, mesh)
            _COMPILED[key] = memory, donated, result
        return _COMPILED[key]

    def _note(self, name: str, alive: dict[str, int], results: int, temporary: int) -> None:
        here = sum(alive.values()) / self._devices
        numbers = {
            "alive": here,
            "results": results,
            "temporary": temporary,
            "peak": here + results + temporary,
        }
        of_slab = self._voxels / self._devices
        by_voxel = {what: round(n / of_slab, 1) for what, n in numbers.items()}
        fields = {field: round(n / self._voxels, 1) for field, n in sorted(alive.items())}
        self.rows.append({"stage": name, **by_voxel, "fields": fields})

    def _alive(self) -> dict[str, int]:
        """Bytes of every field that is alive, by its name."""
        found: dict[str, int] = {}
        for each in jax.live_arrays():
            if not each.is_deleted() and each.size >= FIELD_SHARE * self._voxels:
                name = self._names.get(id(each), "made between two programs")
                found[name] = found.get(name, 0) + each.nbytes
        return found

    def _placed(self, tree: Any) -> Any:
        def place(leaf: Any) -> Any:
            return self._target.placed(leaf) if _is_array(leaf) else leaf

        return jax.tree.map(place, tree)


def _donated(lowered: Any, function: Any, arguments: Any, keywords: Any) -> list[bool]:
    """Whether a program on slabs takes each of the arrays that it is called with."""
    (*_, given), _ = lowered.args_info  # by name
    bound = inspect.signature(function).bind(*arguments, **keywords).arguments
    taken = {id(leaf) for name in given for leaf in jax.tree.leaves(bound[name])}
    leaves = jax.tree.leaves((arguments, keywords))
    return [id(leaf) in taken for leaf in leaves if _is_array(leaf)]


def _result(function: Any, arguments: Any, keywords: Any, mesh: Any) -> Any:
    """Shapes of what a function returns, some of whose arguments may be compiled in.

    Padded fields in slabs are longer than those of one device.
    """
    leaves, tree = jax.tree.flatten((arguments, keywords))

    def of_arrays(given: Any) -> Any:
        left = iter(given)
        filled = [next(left) if _is_array(leaf) else leaf for leaf in leaves]
        arguments, keywords = jax.tree.unflatten(tree, filled)
        return function(*arguments, **keywords)

    def of_slabs(given: Any) -> Any:
        return over_slabs(of_arrays, mesh, given)

    arrays = [leaf for leaf in leaves if _is_array(leaf)]
    return jax.eval_shape(of_slabs if mesh else of_arrays, arrays)


def _zeros(like: Any) -> jax.Array:
    """Zeros in the shape and type of a result."""
    if like.weak_type:
        return jnp.broadcast_to(jnp.asarray(like.dtype.type(0).item()), like.shape)
    return jnp.asarray(np.zeros(like.shape, like.dtype))


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, int | float) or hasattr(leaf, "shape")


@contextmanager
def answered(around: Callable[[str, Any, Any, Any], Any]) -> Iterator[None]:
    """Context in which `around(name, function, arguments, keywords)` answers for every program."""

    def replaced(name: str, function: Any) -> Callable[..., Any]:
        def answer(*arguments: Any, **keywords: Any) -> Any:
            leaves = jax.tree.leaves((arguments, keywords))
            if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
                return function(*arguments, **keywords)
            return around(name, function, arguments, keywords)

        return answer

    before = [
        (module, name, function)
        for title, module in list(sys.modules.items())
        if title.startswith(PACKAGE)
        for name, function in list(vars(module).items())
        if hasattr(function, "lower") and hasattr(function, "__wrapped__")
    ]
    for module, name, function in before:
        setattr(module, name, replaced(f"{module.__name__}.{function.__name__}", function))
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def profile(target: Target, edge: int, *, keep: bool = False) -> list[Row]:
    """Memory of every program of a coupling step with its diagnostics, in order.

    Args:
        target: device to compile for.
        edge: of the grid in voxels.
        keep: hold every result until the end.
    """
    chain = Chain(target, edge, keep=keep)

    def zeros(leaf: Any) -> Any:
        struct = isinstance(leaf, jax.ShapeDtypeStruct)
        return jnp.zeros(leaf.shape, leaf.dtype) if struct else leaf

    state, context, dt, theta = jax.tree.map(zeros, programs.coupling_arguments(edge))
    chain.named(state, "state")
    chain.named(context.reference, "healthy")

    def around(name: str, function: Any, arguments: Any, keywords: Any) -> Any:
        return chain.call(name.rpartition(".")[2], function, arguments, keywords)

    with answered(around):
        following, diagnostics = advance(state, context, dt, theta)
    record = StepRecord(state, following, diagnostics)
    start = jnp.zeros((), jnp.float64)
    arguments = record, context.forcing, (dt, dt), start
    chain.call("step_numbers", step_numbers, arguments, {})
    return chain.rows


def peak(rows: list[Row]) -> Row:
    """Row of the program at which most memory is in use."""
    return max(rows, key=lambda row: row["peak"])


def row(target: Target, edge: int) -> Row:
    """Profile of a coupling step, without its device and grid."""
    stages = profile(target, edge)
    return {"memory": stages, "peak_per_voxel": peak(stages)["peak"]}


def kept_row(target: Target, edge: int) -> Row:
    """The same where every result is held until the end of the step, as a control."""
    stages = profile(target, edge, keep=True)
    return {"memory": stages, "peak_per_voxel": peak(stages)["peak"]}
