"""Files and folders that were cut or changed, by seeds that give the same damage each time."""

import random
import shutil
from pathlib import Path


def damaged(whole: Path, hurt: Path, seed: str) -> Path:
    """A damaged copy of a file, or of a folder with the files of one volume.

    Args:
        whole: the file, or a file or folder in a folder of its own.
        hurt: folder that takes the copy; it must not exist.
        seed: decides what is damaged.

    Returns:
        The copy of `whole`.
    """
    chance = random.Random(seed)
    shutil.copytree(whole.parent, hurt)
    files = sorted(file for file in hurt.rglob("*") if file.is_file())
    file = chance.choice(files)
    if len(files) > 2 and chance.random() < 0.25:
        _mix(file, chance.choice(files), chance)
    else:
        file.write_bytes(changed(file.read_bytes(), chance))
    return hurt / whole.name


def _mix(file: Path, other: Path, chance: random.Random) -> None:
    """One of the files is lost, there twice, empty, or holds what another one does."""
    kind = chance.choice(("lost", "twice", "empty", "other"))
    if kind == "lost":
        file.unlink()
    elif kind == "twice":
        shutil.copy(file, file.with_name(f"{file.stem}_2{file.suffix}"))
    elif kind == "empty":
        file.write_bytes(b"")
    elif file != other:
        shutil.copy(other, file)


def changed(data: bytes, chance: random.Random) -> bytes:
    """Bytes that were cut or changed at one place or two."""
    found = bytearray(data)
    at = chance.randrange(len(data))
    kind = chance.choice(("byte", "bit", "cut", "insert", "delete", "swap", "zero", "ones", "two"))
    if kind == "byte":
        found[at] = chance.randrange(256)
    elif kind == "bit":
        found[at] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del found[at:]
    elif kind == "insert":
        found[at:at] = chance.randbytes(chance.randrange(1, 9))
    elif kind == "delete":
        del found[at : at + chance.randrange(1, 9)]
    elif kind == "swap":
        other = chance.randrange(len(data))
        found[at], found[other] = found[other], found[at]
    elif kind == "zero":
        found[at : at + 4] = bytes(len(found[at : at + 4]))
    elif kind == "ones":
        found[at : at + 4] = b"\xff" * len(found[at : at + 4])
    else:
        for _ in range(2):
            found[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(found)
