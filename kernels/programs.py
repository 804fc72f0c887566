"""Compiled functions that run on one device or on slabs, and the fields that lie there.

`put` lays a field out over devices, `program` compiles a function that then runs on the slabs of
its arguments, and `whole_grid` reads a field back. The fields say where a function runs: the same
calls serve one device and many.

Functions that run on slabs have no derivative.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, overload, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec
from jax.typing import DTypeLike

from tissue.kernels.slabs import PREFIX, current_cut, cut_over, planes_of_a_slab

Tree = TypeVar("Tree")

_meshes: set[Mesh] = set()  # all there are: without any, no call looks for fields in slabs


@runtime_checkable
class PlaneReader(Protocol):
    """Field [z, y, x] of the whole grid that is not in memory, and gives some of its planes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels of the whole grid."""

    def planes(self, first: int, end: int) -> np.ndarray:
        """Planes from `first` to the one before `end`."""


def mesh_of(planes: int, devices: Sequence[Any]) -> Mesh:
    """Mesh of devices, in the order of their slabs, for a grid of `planes` planes.

    Raises:
        ValueError: some devices would have no planes.
    """
    planes_of_a_slab(planes, len(devices))
    mesh = Mesh(np.asarray(devices), (f"{PREFIX}{planes}",), axis_types=(AxisType.Auto,))
    _meshes.add(mesh)
    return mesh


@overload
def put(tree: np.ndarray, mesh: Mesh | None, dtype: DTypeLike | None = None) -> Array: ...


@overload
def put(tree: Tree, mesh: Mesh | None, dtype: DTypeLike | None = None) -> Tree: ...


def put(tree: Any, mesh: Mesh | None, dtype: DTypeLike | None = None) -> Any:
    """Fields [..., z, y, x] of a tree on devices; numbers and vectors as they are.

    Of a `PlaneReader` each process reads the planes of its own devices only, one slab at a time.

    Args:
        tree: of the host's arrays, of fields wherever they lie now, or of `PlaneReader`s.
        mesh: devices over which they are to lie in slabs; None for one device.
        dtype: type that fields of the host are converted to, each slab alone; None keeps theirs.
    """
    planes = _planes(mesh) if mesh else 0
    count = planes_of_a_slab(planes, mesh.size) if mesh else 0

    def placed(leaf: Any) -> Any:
        if np.ndim(leaf) < 3 or (mesh and mesh_over(leaf) == mesh):
            return leaf
        if not mesh:
            whole = whole_grid(leaf)
            return jnp.asarray(whole if dtype is None else np.asarray(whole, dtype))
        field = leaf if isinstance(leaf, PlaneReader) else np.asarray(whole_grid(leaf))
        shape = (*field.shape[:-3], mesh.size * count, *field.shape[-2:])

        def slab(index: tuple[slice, ...] | None) -> np.ndarray:
            assert index is not None
            start, stop, _ = index[-3].indices(shape[-3])
            end = min(stop, planes)
            if isinstance(field, PlaneReader):
                inside = field.planes(start, end)
            else:
                inside = field[..., start:end, :, :]
            filled = inside.take(np.minimum(np.arange(stop - start), end - start - 1), axis=-3)
            return filled.astype(dtype or filled.dtype, copy=False)

        return jax.make_array_from_callback(shape, NamedSharding(mesh, _spec(mesh, leaf)), slab)

    return jax.tree.map(placed, tree)


def put_numbers(tree: Tree, mesh: Mesh | None) -> Tree:
    """Tree whose numbers and vectors lie on the devices; fields as they are.

    A number of the host travels with every call of every program that uses it, which takes a GPU
    longer than the work of many a program.

    Args:
        tree: of arrays, and numbers of Python, which keep their weak type.
        mesh: devices of which each gets all; None for one device.
    """
    leaves, structure = jax.tree.flatten(tree)
    small = [i for i, leaf in enumerate(leaves) if np.ndim(leaf) < 3]
    numbers = [leaves[i] for i in small]
    sent = _copied_to(mesh)(numbers) if mesh else jax.device_put(numbers)
    for i, number in zip(small, sent, strict=True):
        leaves[i] = number
    return jax.tree.unflatten(structure, leaves)


@functools.cache
def _copied_to(mesh: Mesh) -> Callable[[list[Any]], list[Array]]:
    """Function that gives each device all of some arrays."""
    return jax.jit(lambda arrays: arrays, out_shardings=NamedSharding(mesh, Spec()))


def read_numbers(tree: Tree) -> Tree:
    """Tree of the host's arrays, of one of numbers and vectors, read back in one message."""
    leaves, structure = jax.tree.flatten(tree)
    together = np.asarray(_in_a_row(leaves))
    ends = np.cumsum([np.size(leaf) for leaf in leaves])
    parts = np.split(together, ends[:-1])
    read = [
        part.reshape(np.shape(leaf)).astype(jnp.result_type(leaf))
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, read)


@jax.jit
def _in_a_row(leaves: list[Array]) -> Array:
    """All numbers in float64, which holds whole numbers up to 2^53 exactly."""
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float64) for leaf in leaves])


def whole_grid(tree: Tree) -> Tree:
    """Tree whose fields in slabs are arrays of the host; all others are as they are.

    Where the slabs belong to several processes, all of these must call it, and each gets all.
    """

    def read(leaf: Any) -> Any:
        mesh = mesh_over(leaf)
        if mesh is None or np.ndim(leaf) < 3:
            return leaf
        if not leaf.is_fully_addressable:
            (leaf,) = _copied_to(mesh)([leaf])
        return np.asarray(leaf)[..., : _planes(mesh), :, :]

    return jax.tree.map(read, tree)


class ReadLater:
    """Field of the whole grid that is read back only when numpy asks for it.

    Attributes:
        field: that lies in slabs.
        shape: of the whole grid.
    """

    def __init__(self, field: Array) -> None:
        self.field, self.shape = field, grid_shape(field)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(whole_grid(self.field), dtype, copy=copy)


def read_later(tree: Tree) -> Tree:
    """Tree with a `ReadLater` for each field in slabs."""

    def wrapped(leaf: Any) -> Any:
        return ReadLater(leaf) if np.ndim(leaf) >= 3 and mesh_over(leaf) else leaf

    return jax.tree.map(wrapped, tree)


def grid_shape(field: Any) -> tuple[int, ...]:
    """Shape of a field without the planes that fill slabs up."""
    shape, mesh = np.shape(field), mesh_over(field)
    return (*shape[:-3], _planes(mesh), *shape[-2:]) if mesh else shape


def mesh_over(leaf: Any) -> Mesh | None:
    """Mesh over which an array, or the description of one, lies in slabs."""
    if isinstance(leaf, jax.core.Tracer):
        return None
    placed = getattr(leaf, "sharding", None)
    if isinstance(placed, NamedSharding) and cut_over(placed.mesh.axis_names):
        return placed.mesh  # type: ignore[return-value]
    return None


def _planes(mesh: Mesh) -> int:
    """Number of planes of the grid that lies over a mesh."""
    cut = cut_over(mesh.axis_names)
    assert cut is not None
    return cut.planes


def _spec(mesh: Mesh, leaf: Any) -> Spec:
    """Fields are cut along z; everything else is the same on every device."""
    ndim = np.ndim(leaf)
    return Spec(*(None,) * (ndim - 3), mesh.axis_names[0]) if ndim >= 3 else Spec()


def over_slabs(function: Callable[[Any], Any], mesh: Mesh, arguments: Any) -> Any:
    """Result of a function of a tree of arrays, computed on the slabs of its fields.

    Args:
        function: what every device computes of its slabs.
        mesh: devices.
        arguments: with global arrays, as `put` makes them.
    """
    # leaves, as some classes of trees hold nothing but arrays
    leaves, tree = jax.tree.flatten(arguments)
    trees = []

    def of_leaves(*leaves: Any) -> list[Any]:
        results, result_tree = jax.tree.flatten(function(jax.tree.unflatten(tree, leaves)))
        trees.append(result_tree)
        return results

    def slab_of(leaf: Any) -> Any:
        if np.ndim(leaf) < 3:
            return leaf
        *lead, planes, y, x = leaf.shape
        return jax.ShapeDtypeStruct((*lead, planes // mesh.size, y, x), leaf.dtype)

    # for the number of axes of the results, which does not depend on the cut
    shapes = jax.eval_shape(of_leaves, *map(slab_of, leaves))
    results = jax.shard_map(
        of_leaves,
        mesh=mesh,
        in_specs=tuple(_spec(mesh, leaf) for leaf in leaves),
        out_specs=[_spec(mesh, shape) for shape in shapes],
        check_vma=False,  # needs marks on every loop and branch
    )(*leaves)
    return jax.tree.unflatten(trees[-1], results)


@overload
def program(function: Callable[..., Any]) -> Any: ...


@overload
def program(
    function: None = None,
    *,
    static_argnames: str | tuple[str, ...] = (),
    donate_argnames: str | tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Any]: ...


def program(
    function: Callable[..., Any] | None = None,
    *,
    static_argnames: str | tuple[str, ...] = (),
    donate_argnames: str | tuple[str, ...] = (),
) -> Any:
    """Compiled function; where a field among its arguments lies in slabs, it runs on these.

    Its results with three axes and more are fields in slabs, all others the same on every device.

    Args:
        function: of arrays or trees of them; None makes a decorator.
        static_argnames: arguments that are compiled in.
        donate_argnames: arguments whose memory the results may take.
    """
    if function is None:
        return functools.partial(
            program, static_argnames=static_argnames, donate_argnames=donate_argnames
        )
    compiled = jax.jit(function, static_argnames=static_argnames, donate_argnames=donate_argnames)
    signature = inspect.signature(function)
    static, donated = _names(static_argnames), _names(donate_argnames)

    def on_slabs(
        mesh: Mesh, compiled_in: tuple[tuple[str, Any], ...], kept: Any, given: Any
    ) -> Any:
        def of_named(arguments: tuple[dict[str, Any], dict[str, Any]]) -> Any:
            kept, given = arguments
            return function(**dict(compiled_in), **kept, **given)

        return over_slabs(of_named, mesh, (kept, given))

    # for those who read traces and compiled programs
    on_slabs.__name__ = getattr(function, "__name__", on_slabs.__name__)
    compiled_on_slabs = jax.jit(on_slabs, static_argnums=(0, 1), donate_argnums=3)

    def over(mesh: Mesh, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        bound = signature.bind(*arguments, **named).arguments
        compiled_in = tuple((name, bound.pop(name)) for name in static if name in bound)
        given = {name: bound.pop(name) for name in donated if name in bound}
        return mesh, compiled_in, bound, given

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        mesh = _mesh_among(arguments, named)
        if mesh is None:
            return compiled(*arguments, **named)
        results = compiled_on_slabs(*over(mesh, arguments, named))
        # devices of a processor share its threads: with dozens of programs under way, one that
        # waits for a message can hold the thread on which another device is to send it
        return jax.block_until_ready(results) if _of_a_processor(mesh) else results

    def lower(*arguments: Any, **named: Any) -> Any:
        mesh = _mesh_among(arguments, named)
        if mesh is None:
            return compiled.lower(*arguments, **named)
        return compiled_on_slabs.lower(*over(mesh, arguments, named))

    called.lower = lower  # type: ignore[attr-defined]
    return called


def _of_a_processor(mesh: Mesh) -> bool:
    platform: str = mesh.devices.flat[0].platform
    return platform == "cpu"


def _names(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _mesh_among(arguments: tuple[Any, ...], named: dict[str, Any]) -> Mesh | None:
    """Mesh of the first argument in slabs; None while a function is being traced."""
    if not _meshes or current_cut() is not None:
        return None
    for leaf in jax.tree.leaves((arguments, named)):
        if isinstance(leaf, jax.core.Tracer):
            return None
        if np.ndim(leaf) >= 3 and (mesh := mesh_over(leaf)) is not None:
            return mesh
    return None
