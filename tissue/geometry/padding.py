"""Search for padding: voxels of a scan that were never measured and hold one constant value."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from tissue.geometry.histogram import FEW_VALUES, distinct
from tissue.geometry.planes import as_gray

CELLS = 48
"""The shape of a padded zone is judged on at most this many blocks along each axis."""
FULL = 0.9
"""Share of one value above which a block belongs to a padded zone; the rest may be hot voxels."""
DRAWN = 1 << 16
"""Number of voxels drawn to compare a value with the others; shares are known to 0.2 %."""
ON_FACES = 0.01
"""Share of the box's surface from which a value is looked at."""
COHERENT = 0.8
"""Share of the neighbors of padding that are padding; of marrow with noise it is far less."""
HOLLOW = 0.25
"""A field of view is solid: padding fills at most this share of its convex hull. The marrow
between trabeculae fills 40 % or more of the hull of the bone."""
AT_END = 0.01
"""Share of the voxels that may lie beyond a value at the end of the range (hot or cold voxels)."""
APART = 0.1
"""A value is apart where its distance to the others exceeds this share of their range. Below them,
one in ten may lie between, on the blurred edge of the field of view; above them, one in a hundred,
as blurred bone reaches up to its peak."""
APART_FROM_LABELS = 3.0
"""The same above up to 8 distinct values: the highest of labels such as 0, 1 and 2 is bone."""
JUMP = 0.25
"""Padding borders on ordinary values. Next to marrow of one value lie the blurred edges of bone,
which differ less from it than this share of what all others differ."""
COMMON = 0.05
"""Share of the scanned voxels from which a value is an ordinary one; only zero, where noise is cut
off below it, is padding and frequent in marrow."""
MOST_PADDINGS = 3
"""Scanners and programs pad one after the other, but no box with more values than this."""


@dataclass(frozen=True)
class Padding:
    """The voxels of a scan outside its field of view.

    Attributes:
        voxels: which ones, bool [z, y, x]; None where there are none.
        values: the padding values with the number of voxels that hold each.
        doubtful: values that look like padding and yet may be bone, with their number of voxels.
    """

    voxels: np.ndarray | None
    values: tuple[tuple[float, int], ...]
    doubtful: tuple[tuple[float, int], ...]


def find_padding(gray: np.ndarray) -> Padding:
    """Voxels of one exact value that surround a solid field of view.

    A value counts as padding where it fills coherent zones at the faces of the box, where the
    rest is solid (a disk, a polygon, a rotated box; not trabeculae in marrow of one value), and
    where it lies at the lower end of the range, apart above all others, or rare elsewhere among
    the values of marrow.

    Args:
        gray: gray values [z, y, x], finite, in the type of the file.
    """
    taken: np.ndarray | None = None
    values: list[tuple[float, int]] = []
    doubtful: list[tuple[float, int]] = []
    faces = [as_gray(face) for face in _faces(gray)]
    for value in _constant_on_faces(faces):
        if len(values) == MOST_PADDINGS:
            break
        same = gray == value
        if taken is not None:
            same |= taken
        found = _zone(value, same, gray, faces)
        if found is None:
            continue
        zone, apart, sure = found
        if not sure:
            doubtful.append((float(value), int(np.count_nonzero(zone))))
            continue
        if apart:  # scattered voxels of the same value were not measured either
            zone = same
        before = 0 if taken is None else int(np.count_nonzero(taken))
        taken = zone if taken is None else taken | zone
        values.append((float(value), int(np.count_nonzero(taken)) - before))
    return Padding(taken, tuple(values), tuple(doubtful))


def _faces(gray: np.ndarray) -> list[np.ndarray]:
    return [gray.take(end, axis) for axis in range(3) for end in (0, -1)]


def _constant_on_faces(faces: list[np.ndarray]) -> list[np.number]:
    """Values that fill coherent parts of the faces of the box, the most frequent first."""
    random = np.random.default_rng(0)
    drawn = np.concatenate(
        [face.ravel()[random.integers(0, face.size, DRAWN // 6)] for face in faces]
    )
    found, counts = np.unique(drawn, return_counts=True)
    often = np.argsort(counts)[::-1][: 2 * MOST_PADDINGS]
    return [
        found[i] for i in often if counts[i] >= ON_FACES * drawn.size and _coherent(faces, found[i])
    ]


def _coherent(faces: list[np.ndarray], value: np.number) -> bool:
    """Whether the neighbors of a value on the faces mostly have it too."""
    pairs = both = 0
    for here, beside in _neighbors(faces):
        same = here == value
        pairs += int(np.count_nonzero(same))
        both += int(np.count_nonzero(same & (beside == value)))
    return both >= COHERENT * max(pairs, 1)


def _neighbors(faces: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Voxels of each face and their next neighbors, along both axes and both ways."""
    for face in faces:
        for a, b in ((face[1:], face[:-1]), (face[:, 1:], face[:, :-1])):
            yield a, b
            yield b, a


def _zone(
    value: np.number, same: np.ndarray, gray: np.ndarray, faces: list[np.ndarray]
) -> tuple[np.ndarray, bool, bool] | None:
    """The padded zone of a value, whether the value lies apart, and whether it is surely padding.

    Args:
        value: the one looked at.
        same: voxels that hold it, or an earlier padding value.
        gray: gray values [z, y, x].
        faces: those of the faces of the box.
    """
    starts = [_starts(size) for size in gray.shape]
    outside = _outside(_shares(same, starts), starts)
    if not outside.any():
        return None
    body = _body(outside)
    hollow = _hollowness(body, outside) if body.any() else 1.0
    if hollow > HOLLOW:
        return None
    near = ndimage.binary_dilation(outside, np.ones((3, 3, 3), bool), iterations=2)
    zone = same & _enlarged(near, starts, gray.shape)
    random = np.random.default_rng(1)
    places = tuple(random.integers(0, size, DRAWN) for size in gray.shape)
    others = np.sort(gray[places][~same[places]]).astype(float)
    least, low, most = np.quantile(others, (0.01, 0.1, 0.99)) if others.size else np.zeros(3)
    if least == most:  # without the value there is only one class: it is the other one
        return None
    far = np.abs(others - value)
    beside = [
        there[edge & (here == value) & ~padded]
        for (edge, _), (_, padded), (here, there) in zip(
            _neighbors(_faces(zone)), _neighbors(_faces(same)), _neighbors(faces), strict=True
        )
    ]
    steps = np.abs(np.concatenate(beside).astype(float) - value)
    jumps = steps.size == 0 or np.median(steps) > JUMP * np.median(far)
    inner = max(hollow, np.mean(same[places][~zone[places]]))
    if np.mean(others < value) <= AT_END:
        apart = inner <= COMMON and bool(low - value > APART * (most - low))
        clipped = jumps and distinct(others) > FEW_VALUES
        return (zone, apart, True) if apart or clipped else None
    if np.mean(others > value) <= AT_END:
        share = APART if distinct(others) > FEW_VALUES else APART_FROM_LABELS
        apart = bool(value - most > share * (most - least))
        sure = apart and inner <= COMMON
        doubtful = jumps and inner <= HOLLOW and distinct(others) > FEW_VALUES
        return (zone, sure, sure) if sure or doubtful else None
    dark = value < (least + most) / 2
    return (zone, False, True) if dark and inner <= COMMON and jumps else None


def _starts(size: int) -> np.ndarray:
    """First voxel of each block along an axis."""
    blocks = min(size, CELLS)
    return np.arange(blocks) * size // blocks


def _shares(same: np.ndarray, starts: list[np.ndarray]) -> np.ndarray:
    """Share of marked voxels in each block [z, y, x]."""
    slabs = zip(starts[0], [*starts[0][1:], same.shape[0]], strict=True)
    counts = np.stack([same[a:b].sum(axis=0, dtype=np.int64) for a, b in slabs])
    for axis in (1, 2):
        counts = np.add.reduceat(counts, starts[axis], axis=axis)
    z, y, x = (np.diff(first, append=size) for first, size in zip(starts, same.shape, strict=True))
    return counts / (z[:, None, None] * y[:, None] * x)


def _outside(shares: np.ndarray, starts: list[np.ndarray]) -> np.ndarray:
    """Blocks of a padded zone: full of the value, coherent and connected to a face of the box."""
    full = shares >= FULL
    block = np.prod([first[1] if first.size > 1 else 1 for first in starts])
    if block < 27:  # so small a block may be full by chance
        cube = np.ones((3, 3, 3), bool)
        full = (
            ndimage.binary_dilation(ndimage.binary_erosion(full, cube, border_value=1), cube) & full
        )
    labels, _ = ndimage.label(full)
    ends = [labels.take(end, axis).ravel() for axis in range(3) for end in (0, -1)]
    touching = np.unique(np.concatenate(ends))
    return np.isin(labels, touching[touching > 0])


def _body(outside: np.ndarray) -> np.ndarray:
    """Blocks of the scanned zone without specks in the padding."""
    labels, count = ndimage.label(~outside, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes >= 0.01 * sizes.max())[labels] & (labels > 0)


def _hollowness(body: np.ndarray, outside: np.ndarray) -> float:
    """Share of the convex hull of the scanned zone that is padding."""
    z, y = np.nonzero(body.any(axis=2))
    rows = body[z, y]
    first, last = rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([z, y, x], axis=1) for x in (first, last)])
    # around the centers, as the corners of blocks would make a hollow of each step of a round edge
    corners = np.concatenate([ends + 0.01 * np.array(step) for step in product((-1, 1), repeat=3)])
    planes = np.unique(ConvexHull(corners).equations.round(9), axis=0)
    centers = np.argwhere(outside)
    within = np.ones(len(centers), bool)
    for *normal, offset in planes:
        within &= centers @ np.array(normal) + offset <= 0
    inner = np.count_nonzero(within)
    return inner / (inner + np.count_nonzero(body))


def _enlarged(blocks: np.ndarray, starts: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Blocks drawn with voxels [z, y, x]."""
    for axis, (first, size) in enumerate(zip(starts, shape, strict=True)):
        blocks = np.repeat(blocks, np.diff(first, append=size), axis=axis)
    return blocks
