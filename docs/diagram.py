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
    "estrogen": (52, 66, "estrogen lost", "outside"),
    "cells": (22, 66, "inflammatory\ncells F", "outside"),
    "il4": (80, 66, "IL-4, IL-10  X", "outside"),
    "tnf": (31, 55, "TNF  T", "signal"),
    "il1": (56, 55, "IL-1  I", "signal"),
    "ra": (84, 55, "IL-1Ra  A\n(also from F)", "signal"),
    "rankl": (14, 42, "RANKL  R", "signal"),
    "opg": (50, 42, "OPG  O", "signal"),
    "M": (10, 30, "osteoclast\nprecursors M", "cell"),
    "P": (84, 30, "osteoblast\nprecursors P", "cell"),
    "C": (22, 17, "osteoclasts C", "cell"),
    "E": (50, 17, "coupling store E\n(matrix factors)", "signal"),
    "B": (78, 17, "osteoblasts B", "cell"),
    "Y": (14, 4, "osteocytes", "cell"),
    "phi": (50, 4, "bone", "outside"),
    "load": (86, 4, "load", "outside"),
}
ARROWS = [  # from, to, kind, bend
    ("estrogen", "tnf", UP, 0.0),
    ("estrogen", "il1", UP, 0.0),
    ("cells", "tnf", UP, 0.0),
    ("cells", "il1", UP, 0.0),
    ("cells", "rankl", UP, 0.15),
    ("tnf", "il1", UP, 0.0),
    ("il4", "il1", DOWN, 0.0),
    ("ra", "il1", DOWN, 0.0),
    ("il1", "rankl", UP, 0.0),
    ("il1", "opg", DOWN, 0.0),
    ("opg", "rankl", DOWN, 0.0),
    ("rankl", "M", UP, 0.1),
    ("M", "C", FLOW, 0.1),
    ("rankl", "C", UP, -0.05),
    ("il1", "C", UP, 0.05),
    ("tnf", "C", UP, 0.0),
    ("C", "E", FLOW, 0.0),
    ("E", "B", FLOW, 0.0),
    ("P", "B", FLOW, 0.0),
    ("il1", "P", DOWN, -0.15),
    ("il1", "B", DOWN, -0.1),
    ("C", "phi", DOWN, 0.0),
    ("B", "phi", UP, 0.0),
    ("Y", "rankl", UP, -0.45),
    ("B", "opg", UP, -0.1),
    ("load", "B", UP, 0.0),
    ("load", "Y", DOWN, 0.12),
]


def main() -> None:
    """Draws the diagram."""
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "pathways", "font.size": 9}
    figure, axes = plt.subplots(figsize=(9, 6.4))
    axes.set(xlim=(0, 100), ylim=(-1, 71))
    axes.axis("off")
    bands = (
        ("marrow", 25, 36, "#f7fbff"),
        ("surface", 11, 12, "#fffdf5"),
        ("bone", 0, 9, "#f3f0ea"),
    )
    for name, low, height, color in bands:
        axes.add_patch(Rectangle((0, low), 100, height, color=color, zorder=0))
        axes.text(
            99.5, low + height - 0.6, name, ha="right", va="top", color="#888888", style="italic"
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
