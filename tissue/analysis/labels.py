"""Labels of runs in figures, pages and tables."""

from collections.abc import Sequence
from pathlib import Path


def unique_labels(folders: Sequence[Path]) -> list[str]:
    """Names of the folders of runs, with as many of their parent folders as make them unique."""
    parts = [folder.resolve().parts[1:] for folder in folders]
    for depth in range(1, max([1, *map(len, parts)]) + 1):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names
