"""Makes the pictures of docs/gallery.md from the bundled examples.

usage: python docs/gallery.py [--again]

Runs that are in runs/out already are drawn as they are; --again makes them anew. Minutes of two
cores in all.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tissue.analysis import figures, style
from tissue.analysis.curve_figures import curves as drawn
from tissue.storage.results import Run, open_run

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "gallery"
RUNS = ROOT / "runs" / "out"


def made(name: str, again: bool) -> Run:
    """The results of a bundled example, which is run if they are not there."""
    folder = RUNS / name
    if again or not (folder / "run.hdf").is_file():
        command = [sys.executable, "-m", "tissue", "run", name, "--out", str(folder)]
        subprocess.run([*command, "--overwrite", "--quiet"], check=True)
    return open_run(folder)


def main() -> None:
    """Draws all pictures."""
    again = "--again" in sys.argv[1:]
    OUT.mkdir(exist_ok=True)
    style.DPI = 110

    def curves(file: str, names: Sequence[str]) -> None:
        style.save(drawn([made(name, again) for name in names]), OUT / file)

    with style.styled():
        shrew = made("shrew", again)
        style.save(figures.loss(shrew), OUT / "shrew_loss.png")
        style.save(figures.slices(shrew, "rankl"), OUT / "shrew_rankl.png")
        erosion = made("ra-erosion", again)
        style.save(figures.sites(erosion), OUT / "arthritis_sites.png")
        style.save(figures.slices(erosion, "il1"), OUT / "arthritis_il1.png")
        treated = ("ra-anakinra", "ra-adalimumab", "ra-tocilizumab", "ra-prednisolone")
        curves("arthritis_treated.png", ("ra-erosion", *treated))
        spared = ("knockout-il1-receptor", "ovx-il1ra", "ovx-etanercept")
        curves("ovariectomy.png", ("ovx-mouse", *spared))
        curves("denosumab.png", ("postmenopausal", "denosumab-stop", "zoledronate"))
        curves("anabolic.png", ("postmenopausal", "teriparatide", "romosozumab"))
        figures.animation(shrew, OUT / "shrew.gif")


if __name__ == "__main__":
    main()
