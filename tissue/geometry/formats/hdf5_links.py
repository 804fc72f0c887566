"""Objects of an HDF5 file, found through its links; nothing outside its folder is followed.

HDF5 itself follows every link to any file that the link names. Links are therefore followed here,
one by one, and HDF5 is asked for nothing but objects that lie in an open file.
"""

import errno
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, TypeAlias

import h5py

from tissue.geometry.image import shortened

MOST_LINKS = 16
"""Soft and external links that one path may pass through, as in HDF5 itself."""

MOST_FILES = 200
"""Files that are held open at a time; some systems allow a program no more than 256."""

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""Errors by which a file system says that it has no locks."""

Node: TypeAlias = h5py.Group | h5py.Dataset


class Foreign(Exception):
    """Data that must not or cannot be followed; the text is a clause that ends with the remedy."""


class Tree:
    """An open HDF5 file, together with the files that it links to.

    Attributes:
        folder: folder that linked files must lie in or below; that of the file by default.
        root: the file.
        watchers: called at every file and every link, a sign that HDF5 proceeds.
        broken: links that could not be followed, each with the reason; filled by `datasets`.
    """

    watchers: ClassVar[list[Callable[[], object]]] = []

    def __init__(self, file: Path, folder: Path | None = None) -> None:
        real = file.resolve()
        self.folder = folder or real.parent
        self.broken: list[str] = []
        self._files: dict[Path, h5py.File] = {}
        self._stack = ExitStack()
        self.root = self._opened(real)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def node(self, path: str, start: h5py.Group | None = None, links: int = 0) -> Node:
        """The group or dataset at a path, through links of every kind.

        Args:
            path: names joined by "/"; from the root of the file where it begins with "/".
            start: group that a relative path starts at; the root by default.
            links: soft and external links that were passed on the way here.

        Raises:
            KeyError: there is no such object.
            Foreign: a link leads out of the folder, to a file that is missing, or in a circle.
        """
        here: Node = self.root["/"] if start is None else start
        if path.startswith("/"):
            here = here.file["/"]
        for name in path.split("/"):
            if name in ("", "."):
                continue
            if not isinstance(here, h5py.Group):
                raise KeyError(path)
            link = here.get(name, getlink=True)
            if isinstance(link, h5py.HardLink):
                here = here[name]
                continue
            if links >= MOST_LINKS:
                raise Foreign(
                    f"holds links that go round in a circle ({shortened(path)}); name the dataset"
                    " by its own path"
                )
            if isinstance(link, h5py.SoftLink):
                here = self.node(link.path, here, links + 1)
            elif isinstance(link, h5py.ExternalLink):
                file = self.file(link.filename, here.file)
                here = self.node("/" + link.path, file["/"], links + 1)
            else:
                raise KeyError(path)
        if not isinstance(here, h5py.Group | h5py.Dataset):
            raise KeyError(path)
        return here

    def file(self, name: str, holder: h5py.File) -> h5py.File:
        """Another file that an open file names.

        Args:
            name: as the file writes it; a relative one starts at the folder of that file.
            holder: file that names it.

        Raises:
            Foreign: it lies outside the folder, is missing, or cannot be opened.
        """
        path = self.inside(name, holder)
        if path in self._files:
            return self._files[path]
        if len(self._files) >= MOST_FILES:
            raise Foreign(
                f"links to more than {MOST_FILES} files; copy its volume into one file (h5copy)"
            )
        try:
            return self._opened(path)
        except OSError as error:
            raise Foreign(
                f"takes data from {shortened(name)}, which cannot be opened"
                f" ({shortened(str(error))}); copy that file again from its source"
            ) from error

    def inside(self, name: str, holder: h5py.File) -> Path:
        """Real path of a file that an open file names.

        Raises:
            Foreign: it lies outside the folder, or is missing.
        """
        shown = shortened(name)
        try:
            path = (Path(holder.filename).parent / name).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # symbolic links in a circle
            raise Foreign(f"takes data from {shown}, which is not a path; link it anew") from error
        if not path.is_relative_to(self.folder):
            raise Foreign(
                f"takes data from {shown}, which lies outside its folder and is not followed; copy"
                " that file into the folder and link it by a relative path"
            )
        if not path.is_file():
            raise Foreign(
                f"takes data from {shown}, which is missing; copy that file into the folder, or"
                " give a file that holds all its data"
            )
        return path

    def datasets(self) -> Iterator[tuple[str, h5py.Dataset]]:
        """Path and dataset of every dataset, those of the upper groups first, each object once."""
        # each name with the number of the one above it: paths of all objects would fill the memory
        names: list[tuple[int, str]] = [(-1, "")]
        waiting: deque[tuple[int, h5py.h5g.GroupID]] = deque([(0, self.root["/"].id)])
        seen = {_key(h5py.h5o.get_info(self.root["/"].id))}
        while waiting:
            above, group = waiting.popleft()
            for name, kind in _links(group):
                self._goes_on()
                names.append((above, name))
                node = None
                if kind == h5py.h5l.TYPE_HARD:
                    info = h5py.h5o.get_info(group, _encoded(name))
                elif (node := self._followed(group, name, names)) is not None:
                    info = h5py.h5o.get_info(node.id)
                else:
                    continue
                if _key(info) in seen:
                    continue
                seen.add(_key(info))
                if info.type not in (h5py.h5o.TYPE_GROUP, h5py.h5o.TYPE_DATASET):
                    continue
                found = node.id if node else h5py.h5o.open(group, _encoded(name))
                if info.type == h5py.h5o.TYPE_GROUP:
                    waiting.append((len(names) - 1, found))
                else:
                    yield _path(names, len(names) - 1), h5py.Dataset(found)

    def _followed(
        self, group: h5py.h5g.GroupID, name: str, names: list[tuple[int, str]]
    ) -> Node | None:
        try:
            return self.node(name, h5py.Group(group))
        except KeyError:
            reason = "leads nowhere"
        except Foreign as error:
            reason = str(error).partition(";")[0]
        self.broken.append(f"the link {shortened(_path(names, len(names) - 1))} {reason}")
        return None

    def _goes_on(self) -> None:
        for notify in self.watchers:
            notify()

    def _opened(self, path: Path) -> h5py.File:
        self._goes_on()
        try:
            file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            number = re.search(r"unable to lock file, errno = (\d+)", str(error))
            if number is None or int(number[1]) not in NO_LOCKS:
                raise
            file = h5py.File(path, "r", locking=False)
        self._files[path] = self._stack.enter_context(file)
        return file


def _links(group: h5py.h5g.GroupID) -> list[tuple[str, int]]:
    """Names of the links in a group, with the type of each."""
    found: list[tuple[str, int]] = []

    def note(name: bytes, info: h5py.h5l.LinkInfo) -> None:
        found.append((name.decode("utf-8", "surrogateescape"), info.type))

    group.links.iterate(note, info=True)
    return found


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _path(names: list[tuple[int, str]], number: int) -> str:
    parts = []
    while number > 0:
        number, name = names[number]
        parts.append(name)
    return "/".join(reversed(parts))


def _key(info: h5py.h5o.ObjInfo) -> tuple[int, int]:
    """Return the identity of an object among all open files."""
    return info.fileno, info.addr
