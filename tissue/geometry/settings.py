"""Choices of how a bone is read from an image or synthesized: the tables under [geometry].

Annotations say what a run file may give; in Python, lengths are numbers in um.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from tissue import keys
from tissue.errors import InputError, printable, shown

Crop = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class ImageSettings:
    """Choices of how to read and segment an image, [geometry].

    Attributes:
        file: the image, or a folder of slices.
        dataset: path inside an HDF5 or netCDF file.
        series: one of several DICOM series, or stacks of slices, in a folder.
        voxel_size: edges (z, y, x), or one for all [um]; overrides the file's own.
        crop: voxel ranges [start, stop) to keep in z, y, x.
        region: mask image of the region of interest.
        smooth: standard deviation of a Gaussian filter on the gray values [um].
        threshold: bone is above it [gray value of the file], or "otsu".
        resample: wanted edge of the cubic voxels [um]; None: the smallest of the file.
        keep_largest: drop every bone component but the largest.
        close_pockets: fill marrow pockets that reach no face of the box.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: Annotated[
        keys.FilePath,
        Field(
            description="the path of an image, relative to the run file, unless "
            "[geometry.synthetic] is given"
        ),
    ]
    dataset: Annotated[
        keys.Name | None, Field(description="the name of a dataset inside the file")
    ] = None
    voxel_size: Annotated[
        keys.Length | keys.Lengths | None,
        Field(description=f"{keys.LENGTH}, e.g. '4.1 um', or a list of three [z, y, x]"),
    ] = None
    crop: Annotated[
        keys.Ranges | None,
        Field(
            description="three ranges of voxels [[z0, z1], [y0, y1], [x0, x1]], each 0 <= start "
            "< end"
        ),
    ] = None
    region: Annotated[keys.FilePath | None, Field(description="the path of a mask image")] = None
    smooth: Annotated[
        keys.Smoothing,
        Field(description=f"a length >= 0 and at most {keys.WIDEST_SMOOTHING:g} um, e.g. '10 um'"),
    ] = 0.0
    threshold: Annotated[
        keys.Number | Literal["otsu"], Field(description="a finite number or 'otsu'")
    ] = "otsu"
    resample: Annotated[keys.Length | None, Field(description=f"{keys.LENGTH}, e.g. '8.2 um'")] = (
        None
    )
    keep_largest: Annotated[keys.Switch, Field(description=keys.SWITCH)] = True
    close_pockets: Annotated[keys.Switch, Field(description=keys.SWITCH)] = True
    series: Annotated[
        keys.Name | None,
        Field(
            description="the UID or number of one of several DICOM series in the folder, or the "
            "name that the slices of one of several stacks begin with"
        ),
    ] = None


@dataclass(frozen=True)
class SyntheticSettings:
    """Properties of a synthetic bone, [geometry.synthetic].

    Attributes:
        shape: voxels (nz, ny, nx).
        spacing: voxel edge [um].
        bv_tv: share of bone in the box.
        thickness: mean trabecular thickness [um].
        seed: equal seeds give equal bone; a run file has that of the run by default.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    shape: Annotated[
        keys.Shape,
        Field(description="three whole numbers [z, y, x] from 4 to 4096, e.g. [64, 64, 64]"),
    ] = (64, 64, 64)
    spacing: Annotated[keys.Length, Field(description=f"{keys.LENGTH}, e.g. '20 um'")] = 20.0
    bv_tv: Annotated[
        keys.Number, Field(gt=0, lt=1, description="a number between 0 and 1, e.g. 0.2")
    ] = 0.2
    thickness: Annotated[keys.Length, Field(description=f"{keys.LENGTH}, e.g. '150 um'")] = 150.0
    seed: Annotated[keys.Seed, Field(description=keys.SEED)] = 0


LENGTHS = ("voxel_size", "smooth", "resample", "spacing", "thickness")
"""Settings that are lengths."""

Settings = TypeVar("Settings", ImageSettings, SyntheticSettings)


def settings_by_name(kind: type[Settings], table: str, values: Mapping[str, Any]) -> Settings:
    """Settings from keywords of Python: lengths as numbers in um, or as text with a unit.

    Args:
        kind: class of the settings.
        table: its table in a run file, for messages.
        values: settings by name.

    Raises:
        InputError: a name is unknown, or a value cannot be used.
    """
    plain = {name: _plain(value, name in LENGTHS) for name, value in values.items()}
    adapter = TypeAdapter(kind)
    try:
        return adapter.validate_python(plain)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    known = adapter.json_schema()["properties"]
    for name in sorted(values.keys() - known.keys()):
        near = difflib.get_close_matches(name.lower(), known, n=1)
        other = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise InputError(f"no such setting, {other}", key=f"{table}.{printable(name)}")
    name = f"{found[0]['loc'][0]}"
    if found[0]["type"] == keys.FILE_ERROR:
        raise InputError(f"= {found[0]['ctx']['problem']}", key=f"{table}.{name}")
    allowed = known[name]["description"]
    raise InputError(f"= {shown(values[name])} must be {allowed}", key=f"{table}.{name}")


def _plain(value: Any, length: bool) -> Any:
    """A value without types of NumPy, and a length as text with its unit."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list | tuple):
        return [_plain(each, length) for each in value]
    return f"{value!r} um" if length and isinstance(value, Real) else value
