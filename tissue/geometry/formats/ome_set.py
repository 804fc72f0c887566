"""Sets of OME-TIFF files: each file describes the whole image and names the others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tissue.geometry.formats import ome
from tissue.geometry.formats.imagej import StackFacts
from tissue.geometry.formats.tiff_pages import Page
from tissue.geometry.formats.tiff_stack import Contents, contents_of
from tissue.geometry.formats.tiff_tags import is_tiff
from tissue.geometry.image import Parts, refused, shortened, unreadable


@dataclass(frozen=True)
class Gathered:
    """An image that one or several files of OME-TIFF hold.

    Attributes:
        planes: the pages in the order of the axes.
        files: the files in which these pages are.
        facts: facts that the XML and the files state.
    """

    planes: tuple[Page, ...]
    files: tuple[Path, ...]
    facts: StackFacts


def gathered(contents: Contents, description: str) -> Gathered:
    """The image that a file belongs to.

    Args:
        contents: one file of the set.
        description: its XML.

    Raises:
        InputError: the XML is damaged, a file of the set is missing or lies elsewhere, or a plane
            is not there.
    """
    file, pages = contents.source.file, contents.pages
    try:
        root = ome.root_of(description)
        own = ome.uuid_of(root)
        if name := ome.companion(root):
            root = ome.root_of(_text_of(_beside(file, name)))
        described = ome.described(root, len(pages))
    except ome.Damaged as error:
        raise refused(file, str(error)) from None
    doubts = list(described.facts.doubts)
    known: dict[Path, Sequence[Page]] = {file: pages}
    names = {plane.file for plane in described.planes if plane is not None}
    planes = []
    for number, plane in enumerate(described.planes):
        if plane is None:
            raise refused(
                file, f"is described without its plane {number}; save it again with all planes"
            )
        there = _holder(file, plane, own, alone=len(names) == 1)
        if there not in known:
            member = contents_of(there)
            known[there] = member.pages
            doubts += _another(there, member, plane.uuid)
        if plane.page >= len(known[there]):
            raise refused(
                file,
                f"needs page {plane.page} of {there.name}, which has {len(known[there])} pages;"
                " copy that file again from its source",
            )
        planes.append(known[there][plane.page])
    doubts += _mismatch(described, planes)
    used = {(page.file, page.number) for page in planes}
    rest = [page for members in known.values() for page in members]
    rest = [page for page in rest if (page.file, page.number) not in used]
    unused = tuple(page.name for page in rest if not page.reduced)
    files = {page.file: None for page in planes}
    facts = replace(
        described.facts,
        parts=(
            Parts("images", len(described.images), 1, described.images[1:]),
            Parts("files", len(files), len(files)),
            Parts("pages", len(used) + len(unused), len(used), unused),
        ),
        ignored=tuple(f"{page.name}, a smaller copy" for page in rest if page.reduced),
        doubts=tuple(doubts),
    )
    return Gathered(tuple(planes), tuple(files), facts)


def _holder(file: Path, plane: ome.Plane, own: str, alone: bool) -> Path:
    """File that holds a plane."""
    # a file that was renamed is known by its identifier
    if not plane.file or plane.file == file.name or (own and plane.uuid == own):
        return file
    there = _beside(file, plane.file)
    # one file that names a single one and has no identifier was renamed, too
    if alone and not own and not there.exists():
        return file
    if not there.is_file():
        raise refused(
            file,
            f"belongs to a set of files, of which {shortened(plane.file)} is missing; copy it from"
            " its source into the same folder",
        )
    return there


def _beside(file: Path, name: str) -> Path:
    """Path of another file of the set, which must lie in the folder of this one."""
    there, folder = file.parent / name, file.parent.resolve()
    if "\0" in name or not there.resolve().is_relative_to(folder):
        raise refused(
            file,
            f"names {shortened(name)}, which lies outside of its folder and is not opened; put all"
            " files of the set into one folder",
        )
    return there


def _text_of(there: Path) -> str:
    """Description in another file: of its first page, or the file itself."""
    try:
        with there.open("rb") as stream:
            head = stream.read(4)
        if not is_tiff(head):
            return there.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ome.Damaged(
            f"is described in {there.name}, which is missing; copy it from its source into the"
            " same folder"
        ) from None
    except (OSError, ValueError) as error:
        raise unreadable(there, error) from error
    for text in contents_of(there).descriptions:
        if ome.is_ome(text):
            return text
    raise ome.Damaged(f"is described in {there.name}, which holds no OME-XML; copy it again")


def _another(there: Path, member: Contents, uuid: str) -> list[str]:
    """Doubt about a file that has the name of a member, but is none."""
    texts = [text for text in member.descriptions if ome.is_ome(text)]
    try:
        found = ome.uuid_of(ome.root_of(texts[0])) if texts else ""
    except ome.Damaged as error:
        raise refused(there, str(error)) from None
    if not uuid or not found or uuid == found:
        return []
    return [f"names {there.name}, which belongs to another set; copy the file of this set there"]


def _mismatch(described: ome.Described, planes: Sequence[Page]) -> list[str]:
    """Doubt about pages that are not as the XML describes them."""
    for page in planes:
        layout = page.layout
        stored = str(layout.coding.dtype)
        same_type = not described.stored or stored == described.stored
        if (layout.rows, layout.columns) != (described.rows, described.columns) or not same_type:
            return [
                f"is described as {described.rows} x {described.columns} {described.stored}, but"
                f" {page.name} of {page.file.name} is not; save it again with its own program"
            ]
    return []
