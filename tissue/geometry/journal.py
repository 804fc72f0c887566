"""Log of the steps from an image to a bone, for `run.log` and `tissue check`."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Journal:
    """Log and warnings of the steps that made a bone.

    Attributes:
        log: one line for each step.
        warnings: sentences that the user should look at.
    """

    log: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def dims(shape: tuple[int, ...]) -> str:
    """Numbers of voxels: "24 x 28 x 32"."""
    return " x ".join(str(size) for size in shape)


def in_um(lengths: tuple[float | None, ...]) -> str:
    """Voxel edges [um]: "8.2 x 8.2 x 8.2", with "?" for one that is not known."""
    return " x ".join("?" if length is None else f"{length:.6g}" for length in lengths)


def value_range(values: np.ndarray) -> str:
    """Least and largest value: "0 to 255"."""
    return f"{float(values.min()):g} to {float(values.max()):g}"
