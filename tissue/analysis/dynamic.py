"""Dynamic measures of a run: cells, surfaces, rates, and the volumes eroded and formed.

In the model every piece of surface is resorbed and formed at its mean rate. Histomorphometry and
time-lapse micro-CT attribute the same rates to the share of the surface that is active; here that
share is the surface covered by cells, their number times their footprints.

References:
    Dempster 2013, J Bone Miner Res 28:2 (nomenclature); Schulte 2011, Bone 48:433, and Birkhold
    2014, Biomaterials 35:9290 (time-lapse micro-CT: MV, EV, MRR and BRR).
"""

from collections.abc import Mapping

import numpy as np

from tissue.analysis.common_start import since_start
from tissue.analysis.morphometry import Measure
from tissue.storage.results import Run

OSTEOCLAST_FOOTPRINT = 700.0
"""Surface that an osteoclast covers [um^2]: about 30 um across (remembered)."""

OSTEOBLAST_FOOTPRINT = 150.0
"""Surface that an osteoblast covers [um^2]: about 12 um across (remembered)."""

DYNAMIC: Mapping[str, Measure] = {
    "n_oc_bs": Measure("N.Oc/BS", "1/mm^2", "osteoclast number"),
    "oc_s_bs": Measure("Oc.S/BS", "%", "osteoclast surface"),
    "ob_s_bs": Measure("Ob.S/BS", "%", "osteoblast surface"),
    "ms_bs": Measure("MS/BS", "%", "mineralizing surface, taken as the osteoblast surface"),
    "mar": Measure("MAR", "um/day", "mineral apposition rate, of the mineralizing surface"),
    "bfr_bs": Measure("BFR/BS", "um/day", "bone formation rate, of all surface"),
    "es_bs": Measure("ES/BS", "%", "eroded surface, taken as the osteoclast surface"),
    "mrr": Measure("MRR", "um/day", "mineral resorption rate, of the eroded surface"),
    "brr_bs": Measure("BRR/BS", "um/day", "bone resorption rate, of all surface"),
    "ev_bv": Measure("EV/BV", "%", "volume eroded since the start, over the bone at the start"),
    "mv_bv": Measure("MV/BV", "%", "volume formed since the start, over the bone at the start"),
}


def dynamic(run: Run) -> list[dict[str, float]]:
    """Dynamic measures at each snapshot of a run; a branch's count from the start of its parent."""
    start = since_start(run).field("bone_volume_fraction", 0).astype(np.float64)
    return [_at(run, index, time, start) for index, time in enumerate(run.times)]


def _at(run: Run, index: int, time: float, start: np.ndarray) -> dict[str, float]:
    def metric(name: str) -> float:
        return float(np.interp(time, run.metrics["time_day"], run.metrics[name]))

    osteoclasts = metric("osteoclasts_per_mm2")
    eroded = min(osteoclasts * OSTEOCLAST_FOOTPRINT / 1e6, 1.0)
    mineralizing = min(metric("osteoblasts_per_mm2") * OSTEOBLAST_FOOTPRINT / 1e6, 1.0)
    formation, resorption = metric("formation_um_per_day"), metric("resorption_um_per_day")
    change = run.field("bone_volume_fraction", index) - start
    return {
        "n_oc_bs": osteoclasts,
        "oc_s_bs": 100 * eroded,
        "ob_s_bs": 100 * mineralizing,
        "ms_bs": 100 * mineralizing,
        "mar": _ratio(formation, mineralizing),
        "bfr_bs": formation,
        "es_bs": 100 * eroded,
        "mrr": _ratio(resorption, eroded),
        "brr_bs": resorption,
        "ev_bv": 100 * _ratio(np.maximum(-change, 0).sum(), start.sum()),
        "mv_bv": 100 * _ratio(np.maximum(change, 0).sum(), start.sum()),
    }


def _ratio(part: float, total: float) -> float:
    return float(part / total) if total else float("nan")
