"""Paths of a run file: relative to its folder, with a home folder where one is named."""

import errno
import stat
from pathlib import Path

from tissue.errors import InputError, printable, shown

LONGEST_PATH = 300
"""Characters of a path that a message shows."""

_IN_A_CIRCLE = "is a link that leads back to itself: name the file"


def read_path(key: str, text: str, folder: Path) -> Path:
    """The full path of a file that a run file names.

    Args:
        key: the key, for messages.
        text: the path as it is written.
        folder: what it is relative to.

    Raises:
        InputError: no file can have that name, or it is a pipe or a device, which has no end.
    """
    name = f"{key} = '{printable(text, LONGEST_PATH)}'"
    try:
        written = Path(text).expanduser()
    except RuntimeError:
        raise InputError(
            f"{name}: the home folder that ~ stands for is not known: write the path in full"
        ) from None
    try:
        path = (folder / written).resolve()
        mode = path.stat().st_mode
    except ValueError:
        raise InputError(f"{name} holds a character that no path may have: take it out") from None
    except RuntimeError:  # so Python up to 3.12 tells a link that leads to itself
        raise InputError(f"{name} {_IN_A_CIRCLE}") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{key} = {shown(text)} is too long for the name of a file") from None
        if error.errno == errno.ELOOP:
            raise InputError(f"{name} {_IN_A_CIRCLE}") from None
        return path  # told by who needs it: a run may go on without its image
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{name} is a pipe or a device: give a file or a folder")
    return path
