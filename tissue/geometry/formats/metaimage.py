"""MetaImage (.mha, and .mhd with data files beside it)."""

from pathlib import Path

from tissue.geometry.formats.header import BLANKS, BYTE_ORDER_MARK
from tissue.geometry.formats.metaimage_header import HARMLESS, SYNONYMS, USED, Header, split
from tissue.geometry.formats.raw import Stored, counted
from tissue.geometry.formats.unpacking import Piece
from tissue.geometry.image import Image, Inventory, Parts, guarded_reader


def is_metaimage(head: bytes) -> bool:
    """Whether the first bytes of a file are lines such as NDims = 3 of a MetaImage header."""
    for raw in head.removeprefix(BYTE_ORDER_MARK.encode()).splitlines():
        line = raw.decode("latin-1").strip(BLANKS)
        if not line or line.startswith("#"):
            continue
        key, found, _ = split(line)
        if not found:
            return False
        if key in ("ObjectType", "NDims", "DimSize"):
            return True
        if key not in (*USED, *SYNONYMS, *HARMLESS):
            return False
    return False


@guarded_reader
def read(file: Path) -> Image:
    """The volume in a MetaImage file.

    Raises:
        InputError: the header is damaged, or names voxels that cannot be read.
    """
    header = Header(file)
    shape, axes = header.axes()
    dtype, packing, assumed = header.stored()
    names = header.data_files(shape[0])
    bare = Stored((Piece(file),) * max(len(names), 1), shape, dtype, packing)
    stored = Stored(header.pieces(names, bare), shape, dtype, packing, header.calibration())
    found, doubts = counted(file, stored)
    unit, place = header.place()
    return Image(
        file=file,
        shape=shape,
        dtype=stored.values,
        reader=stored.voxels,
        inventory=Inventory(
            format="MetaImage",
            axes=axes,
            parts=(Parts("data files", len(names), len(names)),) if len(names) > 1 else (),
            bytes_needed=stored.size,
            bytes_found=found,
            spacing_unit=unit,
            calibration="" if stored.calibration is None else str(stored.calibration),
            ignored=header.ignored,
            assumed=(*assumed, *place.assumed),
            doubts=(*doubts, *place.doubts),
        ),
        spacing=place.spacing,
        frame=place.frame,
    )
