"""Conservation ledger of a run: every budget of every step, with its bound."""

from collections.abc import Mapping

from tissue.model.conservation import BUDGETS, SWEPT, Budget

BOUNDS = {"float32": 1e-5, "float64": 1e-10}
"""Largest relative residual that rounding explains [1]."""

PARTS = {"gained": "gain in the step", "lost": "loss in the step", "change": "change in the step"}
"""Parts of a budget, with their meaning."""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "time_day": ("day", "simulated time"),
    **{
        f"{name}_residual": (
            "1",
            f"{budget.long_name}: |gained - lost - change| over the turnover",
        )
        for name, budget in BUDGETS.items()
    },
    **{
        f"{name}_{part}_{budget.unit}": (budget.unit, f"{budget.long_name}: {meaning}")
        for name, budget in BUDGETS.items()
        for part, meaning in PARTS.items()
    },
    **{
        f"{name}_swept_{BUDGETS[name].unit}": (
            BUDGETS[name].unit,
            f"{BUDGETS[name].long_name}: gain or loss as the surface itself changed",
        )
        for name in SWEPT
    },
}
"""Unit and meaning of each column of ledger.csv."""

LEDGER = tuple(COLUMNS)


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
    for name, entry in BUDGETS.items():
        row[f"{name}_residual"] = residuals[name]
        for part in PARTS:
            amount = float(getattr(budgets[name], part)) * entry.scale * spacing**3
            row[f"{name}_{part}_{entry.unit}"] = amount
    for name in SWEPT:
        entry = BUDGETS[name]
        row[f"{name}_swept_{entry.unit}"] = swept[name] * entry.scale * spacing**3
    return row


def broken_budget(residuals: Mapping[str, float], precision: str) -> str | None:
    """A sentence about the first budget out of bounds, if there is one."""
    bound = BOUNDS[precision]
    for name, residual in residuals.items():
        if not residual <= bound:  # a NaN is out of bounds
            return f"the {name} budget does not close: relative residual {residual:.2g} > {bound:g}"
    return None
