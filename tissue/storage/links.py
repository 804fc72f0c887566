"""HDF5 files that hold their numbers themselves: no name in them leads into another file."""

from pathlib import Path

import h5py

from tissue.errors import InputError, printable


def held(path: Path, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """What lies in a group under a name.

    Args:
        path: the file, for the message.
        group: a group of it.
        name: of a member of the group.

    Raises:
        InputError: the name is a link, or the numbers lie in another file.
        KeyError: there is no such name.
    """
    member = None
    if isinstance(group.get(name, getlink=True), h5py.HardLink):
        member = group[name]
    elsewhere = isinstance(member, h5py.Dataset) and (member.external or member.is_virtual)
    if member is None or elsewhere:
        raise InputError(
            f"{path} does not hold {printable(name)!r} itself but leads elsewhere for it, as no"
            " file of a run does; use the file as the run wrote it"
        )
    return member
