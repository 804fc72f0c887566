"""The conservation ledger of a run: every budget, every step, with its bound."""

from collections.abc import Mapping

from tissue.model.conservation import BUDGETS, SWEPT, Budget

BOUNDS = {"float32": 1e-5, "float64": 1e-10}
"""Largest relative residual that rounding explains."""

_VOLUME, _AREA = 1e-9, 1e-6  # um^3 in mm^3; um^2 in mm^2, also for numbers of surface cells
_UNITS = {
    "bone": ("mm3", _VOLUME),
    "il1": ("pM_mm3_per_day", _VOLUME),
    "rankl": ("pM_mm3_per_day", _VOLUME),
    "opg": ("pM_mm3_per_day", _VOLUME),
    "osteoclast_precursors": ("cells", _VOLUME),
    "osteoblast_precursors": ("cells", _VOLUME),
    "osteoclasts": ("cells", _AREA),
    "osteoblasts": ("cells", _AREA),
    "coupling_store": ("mm3", _VOLUME),
    "endosteal_supply": ("mm2", _AREA),
    "tnf": ("pM_mm3_per_day", _VOLUME),
    "osteomorphs": ("cells", _AREA),
}
_PARTS = ("gained", "lost", "change")

LEDGER = (
    "time_day",
    *(f"{name}_residual" for name in BUDGETS),
    *(f"{name}_{part}_{_UNITS[name][0]}" for name in BUDGETS for part in _PARTS),
    *(f"{name}_swept_{_UNITS[name][0]}" for name in SWEPT),
)
"""Columns of ledger.csv. Swept is what came or went because the surface itself changed."""


def ledger_row(
    time: float,
    budgets: Mapping[str, Budget],
    residuals: Mapping[str, float],
    swept: Mapping[str, float],
    spacing: float,
) -> dict[str, float]:
    """One row of ledger.csv.

    Args:
        time: [day].
        budgets: sums over voxels, by name.
        residuals: of each budget [1].
        swept: sums over voxels, by name.
        spacing: edge of a voxel [um].
    """
    row = {"time_day": time}
    for name in BUDGETS:
        unit, scale = _UNITS[name]
        row[f"{name}_residual"] = residuals[name]
        for part in _PARTS:
            row[f"{name}_{part}_{unit}"] = float(getattr(budgets[name], part)) * scale * spacing**3
    for name in SWEPT:
        unit, scale = _UNITS[name]
        row[f"{name}_swept_{unit}"] = swept[name] * scale * spacing**3
    return row


def broken_budget(residuals: Mapping[str, float], precision: str) -> str | None:
    """A sentence about the first budget out of bounds, if there is one."""
    bound = BOUNDS[precision]
    for name, residual in residuals.items():
        if not residual <= bound:  # a NaN is out of bounds
            return f"the {name} budget does not close: relative residual {residual:.2g} > {bound:g}"
    return None
