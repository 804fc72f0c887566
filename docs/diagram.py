"""Draws docs/pathways.svg: who acts on whom in the model. Run it to draw it anew.

Needs only matplotlib: python docs/diagram.py
"""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

UP, DOWN, FLOW = "#c0392b", "#2471a3", "#555555"
FILLS = {"signal": "#fdebd0", "cell": "#e8f6ef", "outside": "#eeeeee"}

BOXES = {
    "estrogen": (12, 78, "estrogen lost", "outside"),
    "cells": (39, 78, "inflammatory\ncells F", "outside"),
    "il4": (68, 78, "IL-4, IL-10  X", "outside"),
    "steroid": (94, 78, "glucocorticoid  G", "outside"),
    "tnf": (20, 66, "TNF  T", "signal"),
    "il1": (57, 66, "IL-1  I", "signal"),
    "ra": (88, 66, "IL-1Ra  A\n(also from F)", "signal"),
    "il6": (40, 56, "IL-6  J", "signal"),
    "rankl": (17, 44, "RANKL  R", "signal"),
    "opg": (58, 44, "OPG  O", "signal"),
    "M": (10, 31, "osteoclast\nprecursors M", "cell"),
    "P": (81.5, 42, "osteoblast\nprecursors P", "cell"),
    "C": (22, 17, "osteoclasts C", "cell"),
    "E": (49, 17, "coupling store E\n(matrix factors)", "signal"),
    "B": (73, 17, "osteoblasts B", "cell"),
    "L": (96, 17, "lining cells L", "cell"),
    "Y": (12, 4, "osteocytes", "cell"),
    "phi": (47, 4, "bone", "outside"),
    "load": (84, 4, "load", "outside"),
}
ARROWS = [  # from, to, kind, bend
    ("estrogen", "tnf", UP, 0.0),
    ("cells", "tnf", UP, 0.0),
    ("cells", "il1", UP, 0.0),
    ("cells", "il6", UP, 0.0),
    ("cells", "rankl", UP, 0.06),
    ("tnf", "cells", UP, -0.25),
    ("tnf", "il1", UP, 0.0),
    ("il4", "il1", DOWN, 0.0),
    ("il4", "B", DOWN, -0.06),
    ("il4", "cells", DOWN, 0.0),
    ("steroid", "cells", DOWN, 0.16),
    ("ra", "il1", DOWN, 0.0),
    ("il1", "il6", UP, 0.0),
    ("il6", "rankl", UP, 0.0),
    ("il1", "rankl", UP, 0.17),
    ("il1", "opg", DOWN, 0.0),
    ("steroid", "opg", DOWN, 0.16),
    ("opg", "rankl", DOWN, 0.0),
    ("tnf", "M", UP, 0.25),
    ("il1", "M", UP, -0.22),
    ("rankl", "M", UP, 0.1),
    ("M", "C", FLOW, 0.1),
    ("rankl", "C", UP, -0.05),
    ("il1", "C", UP, -0.12),
    ("tnf", "C", UP, -0.3),
    ("C", "E", FLOW, 0.0),
    ("E", "B", FLOW, 0.0),
    ("P", "B", FLOW, 0.0),
    ("L", "B", FLOW, -0.35),
    ("B", "L", FLOW, -0.35),
    ("il1", "P", DOWN, 0.0),
    ("tnf", "B", DOWN, 0.0),
    ("il1", "B", DOWN, -0.04),
    ("il1", "L", DOWN, 0.2),
    ("steroid", "B", DOWN, -0.28),
    ("steroid", "L", DOWN, 0.0),
    ("C", "phi", DOWN, 0.0),
    ("B", "phi", UP, 0.0),
    ("Y", "rankl", UP, -0.55),
    ("B", "opg", UP, -0.1),
    ("load", "B", UP, 0.0),
    ("load", "L", UP, 0.0),
    ("load", "Y", DOWN, 0.12),
]


def main() -> None:
    """Draws the diagram."""
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "pathways", "font.size": 9}
    figure, axes = plt.subplots(figsize=(9.6, 7.4))
    axes.set(xlim=(0, 106), ylim=(-1, 83))
    axes.axis("off")
    bands = (
        ("marrow", 25, 46.5, "#f7fbff"),
        ("surface", 11, 12, "#fffdf5"),
        ("bone", 0, 9, "#f3f0ea"),
    )
    for name, low, height, color in bands:
        axes.add_patch(Rectangle((0, low), 106, height, color=color, zorder=0))
        axes.text(
            105.5, low + height - 0.6, name, ha="right", va="top", color="#888888", style="italic"
        )
    patches = {}
    for name, (x, y, text, kind) in BOXES.items():
        patches[name] = axes.add_patch(
            FancyBboxPatch(
                (x - 8, y - 2),
                16,
                4,
                boxstyle="round,pad=0.4",
                fc=FILLS[kind],
                ec="#777777",
                zorder=2,
            )
        )
        axes.text(x, y, text, ha="center", va="center", zorder=3, fontsize=8.5)
    for start, end, kind, bend in ARROWS:
        axes.add_patch(
            FancyArrowPatch(
                BOXES[start][:2],
                BOXES[end][:2],
                patchA=patches[start],
                patchB=patches[end],
                arrowstyle="|-|,widthA=0,widthB=0.35" if kind == DOWN else "-|>",
                mutation_scale=10,
                color=kind,
                lw=1.3,
                connectionstyle=f"arc3,rad={bend}",
                shrinkA=1,
                shrinkB=2,
                zorder=1,
            )
        )
    for x, color, text in (
        (2, UP, "raises, feeds"),
        (22, DOWN, "lowers, stops, drives away"),
        (55, FLOW, "becomes"),
    ):
        axes.text(x, -0.8, text, color=color, fontsize=8.5, va="top")
    figure.savefig(
        Path(__file__).with_name("pathways.svg"), bbox_inches="tight", metadata={"Date": None}
    )


if __name__ == "__main__":
    main()
