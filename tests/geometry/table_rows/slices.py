"""Base of the rows of folders: a folder of slices, some of which are missing or damaged."""

import shutil
from pathlib import Path
from typing import ClassVar

from geometry.table_rows.base import REFUSED, Row, Scan, refusal


class Folder(Row):
    """A folder with one file for each slice; files of other names are no slices."""

    ending: ClassVar[str]

    def slices(self, folder: Path) -> list[Path]:
        """The files of the slices, in order."""
        return sorted(folder.glob(f"*.{self.ending}"))

    def made(self, folder: Path, scan: Scan) -> Path:
        """The folder of a scan."""
        inside = folder / "femur"
        inside.mkdir(parents=True)
        return self.write(inside, scan)

    def incomplete(self, folder: Path) -> str:
        """A slice that is missing, empty, cut short, or there twice."""
        scan = self.made(folder, self.usual)
        slices = self.slices(scan)
        third, name = slices[2].read_bytes(), slices[2].name
        for size in (0, len(third) // 2, len(third) - self.spare(third)):
            slices[2].write_bytes(third[:size])
            assert name in refusal(scan)
        slices[2].unlink()
        assert self.neighbor(slices) in refusal(scan)
        slices[2].write_bytes(third)
        shutil.copy(slices[2], scan / f"{slices[2].stem} (1){slices[2].suffix}")
        assert "(1)" in refusal(scan)
        return REFUSED

    def neighbor(self, slices: list[Path]) -> str:
        """Name in the refusal of a folder without its third slice."""
        return slices[1].name
