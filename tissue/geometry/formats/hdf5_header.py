"""Facts of a dataset in an HDF5 file: its axes, voxel size, place, unit and calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tissue.geometry.formats.conventions import (
    Axes,
    Notes,
    Positions,
    axes_of,
    by_positions,
    numbers,
    positions,
    text,
    texts,
)
from tissue.geometry.formats.hdf5_links import Foreign, Tree
from tissue.geometry.formats.hdf5_storage import refuse_elsewhere
from tissue.geometry.formats.hdf5_tags import axistags, element_size, tagged_size
from tissue.geometry.formats.mango import is_mango, mango_size
from tissue.geometry.formats.packing import Packing, packing_of
from tissue.geometry.formats.place import placed, without_stand_ins
from tissue.geometry.grid import Frame
from tissue.geometry.image import MICROMETERS, Spacing, refused, shortened

SNAPSHOT, INDEX, CHECKPOINT = "tissue-snapshot", "tissue-index", "tissue-checkpoint"
SHARD = "tissue-shard"
"""Values of the attribute `format` of the files that this program writes."""

COUNTING = (
    *("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned"),
    *("valid_range", "valid_min", "valid_max", "units", "element_size_um", "element_size_unit"),
    *("axistags", "axis_units", "voxel_size_xyz", "voxel_unit", "IMAGE_WHITE_IS_ZERO"),
)
"""Attributes without which voxels or lengths would be read as others than they are."""


@dataclass(frozen=True)
class Header:
    """Facts of a dataset that its file states; see `Image` and `Inventory`.

    Attributes:
        format: name of the layout.
        axes: axes of space in the dataset.
        packing: rule of the gray values.
        spacing: voxel edges (z, y, x) [um].
        spacing_unit: unit in which the file gives them.
        frame: place in space.
        unit: unit of the gray values.
        notes: ignored parts, assumptions and doubts.
    """

    format: str
    axes: Axes
    packing: Packing
    spacing: Spacing
    spacing_unit: str
    frame: Frame | None
    unit: str
    notes: Notes


def attributes_of(node: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """All attributes of types that numpy knows, those without a value left out.

    Raises:
        OSError: an attribute is damaged.
    """
    found = {}
    for name in node.attrs:
        try:
            value = node.attrs[name]
        except (TypeError, ValueError) as error:  # of a type that numpy does not know
            if name in COUNTING:
                raise OSError(f"its attribute {name} cannot be read") from error
            continue
        if not isinstance(value, h5py.Empty):
            found[name] = value
    return found


def header_of(file: Path, tree: Tree, dataset: h5py.Dataset) -> Header:
    """Read the facts of a dataset from its file.

    Raises:
        InputError: the axes are not those of a volume.
    """
    notes, own = Notes(), attributes_of(dataset)
    what = f"dataset {shortened(dataset.name.strip('/'))}"
    scales = _scales(tree, dataset, own)
    names = _axis_names(dataset, own, scales)
    if _is_itk(dataset) and dataset.ndim == 3:
        names = ["z", "y", "x"]
    if text(own.get("IMAGE_SUBCLASS")) == "IMAGE_TRUECOLOR":  # of the HDF5 image specification
        names = ["c", "y", "x"] if "PLANE" in text(own.get("INTERLACE_MODE")) else ["y", "x", "c"]
    _doubt_projections(tree, dataset, notes)
    axes = axes_of(file, dataset.shape, names, what, notes)
    if "MATLAB_class" in own and not any(names):
        notes.assumed[:] = [
            f"{what} was written by MATLAB: A(i, j, k) is read with i along x, j along y and k"
            " along z"
        ]
    packing = packing_of(file, dataset.dtype, own, notes)
    if numbers(own.get("IMAGE_WHITE_IS_ZERO", 0)) not in ([0.0], None):
        notes.doubts.append("marks 0 as white (IMAGE_WHITE_IS_ZERO); invert it and remove the mark")
    format_name, spacing, unit, frame = _place(file, tree, dataset, own, axes, scales, notes)
    value_unit = text(own.get("units", b""))
    return Header(
        format=format_name,
        axes=axes,
        packing=packing,
        spacing=spacing,
        spacing_unit=unit,
        frame=frame,
        unit="" if value_unit == "1" else shortened(value_unit, 40),
        notes=notes,
    )


Place = tuple[str, Spacing, str, Frame | None]
"""Name of the layout, voxel edges [um], unit in the file, and place."""


def _place(
    file: Path,
    tree: Tree,
    dataset: h5py.Dataset,
    own: Mapping[str, Any],
    axes: Axes,
    scales: Sequence[h5py.Dataset | None],
    notes: Notes,
) -> Place:
    """Voxel size and place by the first layout that gives them."""
    if text(tree.root.attrs.get("format", b"")) == SNAPSHOT:
        return _snapshot(tree, notes)
    siblings = attributes_of(dataset.parent) if dataset.parent is not None else {}
    if _is_itk(dataset):
        return _itk(file, tree, dataset, notes)
    if "element_size_um" in own:
        return "HDF5", *element_size(own, dataset.ndim, axes, notes), None
    tagged = axistags(own, dataset.ndim)
    if any(step for _, step, _ in tagged):
        return "HDF5 (ilastik)", *tagged_size(tagged, axes, notes), None
    if is_mango(siblings):
        return "HDF5 (mango)", *mango_size(siblings, notes), None
    if text(siblings.get("Type", b"")) == "ImageData" or "/VTKHDF/" in dataset.name:
        notes.ignored.append("Spacing and Origin of VTKHDF, which name no unit of length")
    found = [
        _positions(scales[axis], dataset.shape[axis], letter, notes)
        for axis, letter in zip(axes.order, "zyx", strict=True)
    ]
    name = "HDF5 (MATLAB)" if "MATLAB_class" in own else "HDF5"
    return name, *by_positions(found)


def _snapshot(tree: Tree, notes: Notes) -> Place:
    """Place of a snapshot of this program; all its fields lie on one grid."""
    image = tree.node("VTKHDF").attrs
    spacing = np.asarray(image["Spacing"], float)
    if not ((spacing > 0) & np.isfinite(spacing)).all():
        notes.doubts.append(f"has the voxel size {spacing.tolist()} um; give another snapshot")
    columns = np.asarray(image["Direction"], float).reshape(3, 3) * spacing
    # version 1.0 does not know where the scan lies
    origin = list(image["Origin"]) if "frame_origin" in tree.root.attrs else None
    place = placed(columns, origin)
    notes.doubts += place.doubts
    return "HDF5 (snapshot of tissue)", place.spacing, "um", place.frame


def _is_itk(dataset: h5py.Dataset) -> bool:
    return dataset.name.endswith("/VoxelData") and "Directions" in dataset.parent


def _itk(file: Path, tree: Tree, dataset: h5py.Dataset, notes: Notes) -> Place:
    """Place of an image of ITK, which has no units and writes 1 where no spacing was set."""
    given = [
        numbers(_read(tree, name, dataset.parent)) for name in ("Spacing", "Origin", "Directions")
    ]
    spacing, origin, directions = (np.array(each or [], float) for each in given)
    if (spacing.size, origin.size, directions.size) != (3, 3, 9):
        raise refused(
            file,
            "has no Spacing, Origin and Directions of a volume beside its VoxelData; write it anew"
            " with ITK",
        )
    columns = directions.reshape(3, 3).T * spacing  # ITK stores one axis of the image a row
    place = placed(columns * MICROMETERS["mm"], list(origin * MICROMETERS["mm"]))
    place = without_stand_ins(place, "ITK")
    notes.assumed += ["ITK writes lengths without a unit: they are taken as mm", *place.assumed]
    notes.doubts += place.doubts
    return "HDF5 (ITK image)", place.spacing, "mm", place.frame


def _axis_names(
    dataset: h5py.Dataset, own: Mapping[str, Any], scales: Sequence[h5py.Dataset | None]
) -> list[str]:
    """Names of the axes by the first attribute that gives one for each; empty without."""
    if tags := axistags(own, dataset.ndim):
        return [key for key, _, _ in tags]
    parent = attributes_of(dataset.parent) if dataset.parent is not None else {}
    candidates = [
        [text(label) for label in own.get("DIMENSION_LABELS", ())],
        texts(own["axes"]) if "axes" in own else [],
        texts(parent["axes"]) if "axes" in parent else [],
        ["" if scale is None else str(scale.name).rpartition("/")[2] for scale in scales],
    ]
    for names in candidates:
        if len(names) == dataset.ndim and any(names):
            return names
    return []


def _scales(tree: Tree, dataset: h5py.Dataset, own: Mapping[str, Any]) -> list[h5py.Dataset | None]:
    """Dataset of positions along each axis: dimension scales of HDF5, or the axes of NeXus."""
    listed_scales = own.get("DIMENSION_LIST", ())
    found = [_referred(dataset.file, each) for each in listed_scales][: dataset.ndim]
    parent = dataset.parent
    named = own.get("axes", parent.attrs.get("axes"))
    names = texts(named) if named is not None else []
    if any(found) or len(names) != dataset.ndim:
        return found if len(found) == dataset.ndim else [None] * dataset.ndim
    return [_beside(tree, parent, name) for name in names]


def _referred(file: h5py.File, references: Any) -> h5py.Dataset | None:
    """The first of the datasets that references name; None where it was removed since."""
    try:
        node = file[references[0]]
    except (IndexError, KeyError, ValueError, TypeError):
        return None
    return node if isinstance(node, h5py.Dataset) else None


def _beside(tree: Tree, group: h5py.Group, name: str) -> h5py.Dataset | None:
    if name in ("", "."):
        return None
    try:
        node = tree.node(name, group)
    except (KeyError, Foreign):
        return None
    return node if isinstance(node, h5py.Dataset) else None


def _positions(scale: h5py.Dataset | None, count: int, axis: str, notes: Notes) -> Positions | None:
    if scale is None or scale.ndim != 1 or scale.size > count + 1:
        return None
    attributes = attributes_of(scale)
    unit = text(attributes.get("units", b""))
    if scale.external or scale.is_virtual:
        notes.ignored.append(f"positions along {axis}, which lie in another file")
        return None
    values = scale[()]
    if "units" not in attributes and not np.any(values):  # netCDF-4: an axis without positions
        return None
    return positions(values, count, unit, axis, notes)


def _doubt_projections(tree: Tree, dataset: h5py.Dataset, notes: Notes) -> None:
    """Add a doubt for a stack of projections that was not reconstructed."""
    entry = dataset.name.strip("/").split("/")[0]
    definition = text(_read(tree, f"{entry}/definition", dataset.file["/"]))
    if definition == "NXtomo":
        notes.doubts.append(
            "holds raw projections (NXtomo), not a reconstructed volume; give the reconstruction"
        )
    angles = _beside(tree, dataset.parent, "theta")
    if angles is not None and angles.shape == dataset.shape[:1]:
        notes.doubts.append(
            "holds one image for each angle theta, not a reconstructed volume; give the"
            " reconstruction"
        )


def _read(tree: Tree, path: str, start: h5py.Group) -> Any:
    """Value of a small dataset; None where there is none that may be read."""
    try:
        node = tree.node(path, start)
        if not isinstance(node, h5py.Dataset) or node.size is None or node.size > 1000:
            return None
        refuse_elsewhere(tree, node)
        return node[()]
    except (KeyError, Foreign):
        return None
