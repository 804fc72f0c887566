"""Members of HDF5 files that lie in the file itself, not behind a link into another one."""

from pathlib import Path

import h5py

from tissue.errors import InputError, printable


def own_member(
    path: Path, group: h5py.Group, name: str, *, joined: bool = False
) -> h5py.Group | h5py.Dataset:
    """Member of a group, which must lie in the same file.

    Args:
        path: the file, for the message.
        group: a group of the file.
        name: of the member.
        joined: the numbers may lie in shards, which are read by `shards`.

    Raises:
        InputError: the name is a link, or the numbers lie in another file.
        KeyError: there is no such name.
    """
    member = None
    if isinstance(group.get(name, getlink=True), h5py.HardLink):
        member = group[name]
    elsewhere = isinstance(member, h5py.Dataset) and (
        member.external or (member.is_virtual and not joined)
    )
    if member is None or elsewhere:
        raise InputError(
            f"{path} has only a link to another place for {printable(name)!r}; use the file as the"
            " run wrote it"
        )
    return member
