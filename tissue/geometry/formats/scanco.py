"""Images of Scanco's scanners: AIM (processed volumes and segmentations) and ISQ (scans)."""

from pathlib import Path

from tissue.geometry.formats import scanco_aim, scanco_header, scanco_isq
from tissue.geometry.image import Image, guarded


def is_scanco(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an AIM, an ISQ or a relative of them."""
    return head.startswith((*scanco_header.SIGNS, scanco_isq.SIGN))


def read(file: Path) -> Image:
    """The volume in an AIM or ISQ, in mg HA/cm^3 where the file knows its calibration.

    Raises:
        InputError: the file is damaged, or is a kind of Scanco file that holds no volume.
    """
    with guarded(file), file.open("rb") as stream:
        isq = stream.read(len(scanco_isq.SIGN)) == scanco_isq.SIGN
    return scanco_isq.read(file) if isq else scanco_aim.read(file)
