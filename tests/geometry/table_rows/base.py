"""Row of the table of formats: a writer, an independent reader, and a cell a column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from geometry.formats import volumes
from geometry.formats.volumes import EDGES, TYPES, gray
from geometry.table_rows.compare import boxes, same_frame
from numpy.typing import NDArray
from storage.places import DIRECTIONS

from tissue.errors import InputError
from tissue.geometry.grid import UPRIGHT
from tissue.geometry.image import Image
from tissue.geometry.images import read_image
from tissue.geometry.load import load_image
from tissue.geometry.settings import ImageSettings

RIGHT, REFUSED, ABSENT = "right", "refused", "-"
"""Words of a cell; the last one: not in the format, and nothing is invented."""

ORIGIN = (410123.046875, 35500.0, -12062.5)
"""Center of the first voxel (z, y, x) [um], of numbers that float32 holds."""

Values = NDArray[Any]
Order = Literal["<", ">"]


@dataclass(frozen=True)
class Scan:
    """A scan that an independent program writes into a file.

    Attributes:
        values: stored numbers [z, y, x].
        edges: voxel edges (z, y, x) [um].
        origin: center of the first voxel (z, y, x) [um].
        direction: name of one of DIRECTIONS.
        unit: unit of length as the format writes it; empty for the usual one.
        order: byte order, "<" or ">".
        packing: name of a compression; empty for none, or the usual one.
        line: slope and offset from stored numbers to gray values; None for none.
    """

    values: Values = field(default_factory=gray)
    edges: tuple[float, float, float] = EDGES
    origin: tuple[float, float, float] = ORIGIN
    direction: str = "upright"
    unit: str = ""
    order: Order = "<"
    packing: str = ""
    line: tuple[float, float] | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Unit vectors of the axes x, y, z of the array as columns (x, y, z)."""
        return DIRECTIONS[self.direction]

    @property
    def grays(self) -> Values:
        """Gray values [z, y, x]."""
        if self.line is None:
            return self.values
        return self.values.astype(np.float64) * self.line[0] + self.line[1]


@dataclass(frozen=True)
class Told:
    """Contents of a file as an independent program reads it, in the order (z, y, x), um and LPS.

    Attributes:
        values: gray values [z, y, x].
        edges: voxel edges [um]; None where the program does not know them.
        origin: center of the first voxel [um]; None where the program does not know it.
        direction: unit vectors as columns; None where the program does not know them.
    """

    values: Values
    edges: Sequence[float] | NDArray[np.float64] | None = None
    origin: Sequence[float] | NDArray[np.float64] | None = None
    direction: NDArray[np.float64] | None = None


def refusal(file: Path) -> str:
    """The sentence that a file is refused with, be it before or while its voxels are read."""
    return volumes.refusal(read_image, file)


class Row:
    """One format of the table; each method of a column's name is one cell.

    Attributes:
        name: in the table.
        types: numpy types that the format holds and that are read.
        units: units of length that the format may write, with their length [um].
        fixed_unit: unit that the format lays down; empty where it may write one, or knows none.
        has: which of "edges", "place", "turn" (any direction), "flip" (axes that point backwards),
            "line" (a calibration) the format holds and tissue reads.
        packings: names of compressions.
        orders: byte orders.
        usual: scan that is written where a cell asks for nothing else.
        far: another first voxel.
    """

    name: ClassVar[str]
    types: ClassVar[tuple[str, ...]] = TYPES
    units: ClassVar[Mapping[str, float]] = {}
    fixed_unit: ClassVar[str] = ""
    has: ClassVar[frozenset[str]] = frozenset({"edges", "place", "turn", "flip"})
    packings: ClassVar[tuple[str, ...]] = ()
    orders: ClassVar[tuple[Order, ...]] = ()
    usual: ClassVar[Scan] = Scan()
    far: ClassVar[tuple[float, float, float]] = (-1.5, 2e6, 7.25)

    def write(self, folder: Path, scan: Scan) -> Path:
        """A file or folder that an independent program writes; `folder` is empty."""
        raise NotImplementedError

    def told(self, file: Path, scan: Scan) -> Told:
        """Contents of such a file as an independent program reads it.

        Args:
            file: the file or folder.
            scan: what is not written in the file but decides how it is read, such as its unit.
        """
        raise NotImplementedError

    def seconds(self, file: Path, scan: Scan) -> tuple[Told, ...]:
        """Contents of a file as further programs read it, which may differ from the first."""
        return ()

    # --- cells ---------------------------------------------------------------------------------

    def spacing(self, folder: Path) -> str:
        """Three different edges; without them a voxel size is asked for."""
        if "edges" in self.has:
            return self.right(folder, [self.usual])
        file = self.made(folder, self.usual)
        assert read_image(file).spacing == (None, None, None)
        asked_for_a_size(file)
        return ABSENT

    def unit(self, folder: Path) -> str:
        """Every unit that the format may write, and none that it does not."""
        scans = [replace(self.usual, unit=unit) for unit in self.units]
        for number, scan in enumerate(scans):
            image = self.same(self.made(folder / f"unit{number}", scan), scan)
            assert image.inventory.spacing_unit == self.shown(scan.unit)
        if scans:
            return RIGHT
        image = read_image(self.made(folder, self.usual))
        assert image.inventory.spacing_unit == self.fixed_unit
        return RIGHT if self.fixed_unit else ABSENT

    def shown(self, unit: str) -> str:
        """A unit as the inventory shows it."""
        return unit

    def origin(self, folder: Path) -> str:
        """The center of the first voxel; without one there is no place."""
        if "place" in self.has:
            return self.right(folder, [self.usual, replace(self.usual, origin=self.far)])
        assert read_image(self.made(folder, self.usual)).frame is None
        return ABSENT

    def direction(self, folder: Path) -> str:
        """Turned and oblique axes; where there are none, those of the array are kept."""
        if "turn" in self.has:
            return self.right(folder, self.directed("turned", "oblique"))
        return self.unturned(folder)

    def flip(self, folder: Path) -> str:
        """Axes that point backwards."""
        if "turn" in self.has:
            names = ("flipped", "turned and flipped", "oblique and flipped")
            return self.right(folder, self.directed(*names))
        if "flip" in self.has:
            return self.right(folder, self.directed("flipped"))
        return self.unturned(folder)

    def dtype(self, folder: Path) -> str:
        """Every type of numbers with its whole range."""
        return self.right(folder, [replace(self.usual, values=gray(kind)) for kind in self.types])

    def endianness(self, folder: Path) -> str:
        """Both byte orders."""
        wide = [kind for kind in self.types if np.dtype(kind).itemsize > 1]
        scans = [
            replace(self.usual, values=gray(kind), order=order)
            for kind in wide[:: len(wide) - 1 or 1]
            for order in self.orders
        ]
        return self.right(folder, scans) if scans else ABSENT

    def compression(self, folder: Path) -> str:
        """Every compression that the format may have here."""
        scans = [self.packed(packing) for packing in self.packings]
        return self.right(folder, scans) if scans else ABSENT

    def calibration(self, folder: Path) -> str:
        """A straight line from stored numbers to gray values; without one they are as stored."""
        if "line" not in self.has:
            image = self.same(self.made(folder, self.usual), self.usual)
            assert (image.unit, image.inventory.calibration) == ("", "")
            return ABSENT
        scan = replace(self.usual, line=(0.25, -391.5))
        image = self.same(self.made(folder, scan), scan)
        assert image.inventory.calibration
        assert image.dtype.kind == "f"
        return RIGHT

    def incomplete(self, folder: Path) -> str:
        """A file that was cut, at its start, in its middle and by its last byte of voxels."""
        file = self.made(folder, self.usual)
        whole = file.read_bytes()
        for size in (0, 3, len(whole) // 3, len(whole) * 3 // 4, len(whole) - self.spare(whole)):
            file.write_bytes(whole[:size])
            assert file.name in refusal(file)
        return REFUSED

    def spare(self, whole: bytes) -> int:
        """Bytes at the end of a file without the last of which it is incomplete."""
        return 1

    def nan(self, folder: Path) -> str:
        """Voxel that is not a number."""
        real = [kind for kind in self.types if kind[0] == "f"]
        for number, kind in enumerate(real):
            values = gray(kind)
            values[2, 3, 4] = np.nan
            file = self.made(folder / f"{number}", replace(self.usual, values=values))
            assert "holds 1 NaN or infinite values" in refusal(file)
        return REFUSED if real else ABSENT

    def axes(self, folder: Path) -> str:
        """A time series, or colors, in place of a volume."""
        raise NotImplementedError

    def crop(self, folder: Path) -> str:
        """Each box is that part of the whole."""
        image = read_image(self.made(folder, self.usual))
        for box in boxes(image.shape):
            part = image.voxels(box)
            np.testing.assert_array_equal(part, image.values[box])
            assert part.dtype == image.dtype
        return RIGHT

    # --- help ----------------------------------------------------------------------------------

    def made(self, folder: Path, scan: Scan) -> Path:
        """The file or folder of a scan."""
        folder.mkdir(parents=True, exist_ok=True)
        return self.write(folder, scan)

    def packed(self, packing: str) -> Scan:
        """A scan that is compressed."""
        return replace(self.usual, packing=packing)

    def directed(self, *names: str) -> list[Scan]:
        """Scans of some directions."""
        return [replace(self.usual, direction=name) for name in names]

    def right(self, folder: Path, scans: Iterable[Scan]) -> str:
        """Scans are read as they were written, and as the independent program reads them."""
        for number, scan in enumerate(scans):
            self.same(self.made(folder / f"scan{number}", scan), scan)
        return RIGHT

    def unturned(self, folder: Path) -> str:
        """No direction is invented."""
        frame = read_image(self.made(folder, self.usual)).frame
        assert frame is None or frame.direction == UPRIGHT
        return ABSENT

    def same(self, file: Path, scan: Scan) -> Image:
        """The image in a file, which is that of the scan and of the independent program."""
        image, told = read_image(file), self.told(file, scan)
        rtol, atol = (1e-6, 1e-3 * abs(scan.line[0])) if scan.line else (0.0, 0.0)
        np.testing.assert_allclose(image.values, told.values, rtol, atol)
        np.testing.assert_allclose(image.values, self.stored(scan), rtol, atol)
        assert image.values.dtype == image.dtype
        if scan.line is None:
            assert image.dtype == self.stored(scan).dtype
        if "edges" in self.has:
            np.testing.assert_allclose(np.array(image.voxel_size), scan.edges, rtol=1e-6)
        same_place(image, told)
        if "place" in self.has:
            same_frame(image.frame, *self.placed(scan))
        return image

    def placed(self, scan: Scan) -> tuple[Any, Any]:
        """First voxel and direction (z, y, x) of the array that the format keeps."""
        return scan.origin, scan.matrix[::-1, ::-1]

    def stored(self, scan: Scan) -> Values:
        """Gray values of a scan that the format keeps."""
        return scan.grays


def same_place(image: Image, told: Told) -> None:
    """Edges and place are those that an independent program knows."""
    if told.edges is not None:
        np.testing.assert_allclose(np.array(image.voxel_size), told.edges, rtol=1e-6)
    if told.origin is not None and told.direction is not None:
        same_frame(image.frame, told.origin, told.direction)


def asked_for_a_size(file: Path) -> None:
    """Without a voxel size in the file, one is asked for before anything is done with it."""
    with pytest.raises(InputError, match="voxel_size: it is missing"):
        load_image(ImageSettings(file))
