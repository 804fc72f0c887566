"""Dynamic histomorphometry that the model knows: cells, rates, and what was eroded and formed.

In the model every piece of surface is resorbed and formed at its mean rate. A histologist sees
the same rate as that of the share of the surface that cells cover at the time; the footprints of
cells translate between the two.
"""

from collections.abc import Mapping

import numpy as np

from tissue.analysis.morphometry import Measure
from tissue.storage.results import Run

OSTEOCLAST_FOOTPRINT = 700.0
"""Surface that an osteoclast covers [um^2]: about 30 um across (remembered)."""

OSTEOBLAST_FOOTPRINT = 150.0
"""Surface that an osteoblast covers [um^2]: about 12 um across (remembered)."""

DYNAMIC: Mapping[str, Measure] = {
    "n_oc_bs": Measure("N.Oc/BS", "1/mm^2", "osteoclasts on the bone surface"),
    "oc_s_bs": Measure("Oc.S/BS", "%", "surface covered by osteoclasts"),
    "ob_s_bs": Measure("Ob.S/BS", "%", "surface covered by osteoblasts"),
    "ms_bs": Measure("MS/BS", "%", "mineralizing surface, taken for that of osteoblasts"),
    "mar": Measure("MAR", "um/day", "mineral apposition rate, where bone is formed"),
    "bfr_bs": Measure("BFR/BS", "um/day", "bone formation rate over all surface"),
    "ev_bv": Measure("EV/BV", "%", "eroded since the start, over the bone at the start"),
    "fv_bv": Measure("FV/BV", "%", "formed since the start, over the bone at the start"),
}


def dynamic(run: Run) -> list[dict[str, float]]:
    """The dynamic measures at each snapshot of a run."""
    before = run.field("bone_volume_fraction", 0).astype(np.float64)
    return [_at(run, index, time, before) for index, time in enumerate(run.times)]


def _at(run: Run, index: int, time: float, before: np.ndarray) -> dict[str, float]:
    def metric(name: str) -> float:
        return float(np.interp(time, run.metrics["time_day"], run.metrics[name]))

    osteoclasts, osteoblasts = metric("osteoclasts_per_mm2"), metric("osteoblasts_per_mm2")
    formed = metric("formation_um_per_day")
    covered = min(osteoblasts * OSTEOBLAST_FOOTPRINT / 1e6, 1.0)
    change = run.field("bone_volume_fraction", index) - before
    whole = before.sum()
    return {
        "n_oc_bs": osteoclasts,
        "oc_s_bs": 100 * min(osteoclasts * OSTEOCLAST_FOOTPRINT / 1e6, 1.0),
        "ob_s_bs": 100 * covered,
        "ms_bs": 100 * covered,
        "mar": formed / covered if covered else float("nan"),
        "bfr_bs": formed,
        "ev_bv": 100 * float(np.maximum(-change, 0).sum() / whole) if whole else float("nan"),
        "fv_bv": 100 * float(np.maximum(change, 0).sum() / whole) if whole else float("nan"),
    }
