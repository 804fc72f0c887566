"""Rows of tissue/verification/well_mixed_shrew.csv, from the well-mixed program.

Run it when a parameter of the mouse has changed: PYTHONPATH=tests python -m model.well_mixed_table
"""

import csv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from model.well_mixed import Acting, Bone, simulate

from tissue.model.parameters import preset

PATH = Path(__file__).parents[2] / "tissue/verification/well_mixed_shrew.csv"
SHREW = Bone(0.29305, 0.013161, 0.65)
"""BV/TV and surface (mean Godunov |grad phi|) of the shrew bone at 8.2 um; the exponent is that of
its surface as IL-1 takes it down to a BV/TV of 0.17 [1]."""
TIMES = range(0, 29, 4)  # days
CASES = {
    "health": Acting(),
    "il1_1": Acting(il1=1.0),
    "il1_3.5": Acting(il1=3.5),
    "il1_10": Acting(il1=10.0),
    "il1_30": Acting(il1=30.0),
    "tnf_5": Acting(tnf=5.0),
    "il6_100": Acting(il6=100.0),
    "estrogen_loss": Acting(estrogen=1.0),
    "sclerostin_blockade": Acting(sclerostin=1.0),
    "teriparatide": Acting(pth=1.0),
    "glucocorticoid_30000": Acting(drugs={"G": 3e4}),
    "il4_10": Acting(drugs={"X": 10.0}),
    "denosumab_5": Acting(drugs={"Z": 5.0}),
}
"""Disease or therapy from time 0 on, concentrations in pM."""


def rows() -> Iterator[dict[str, str]]:
    """Rows of the table; the limit has no load."""
    p = asdict(preset("mouse")) | {"g_mech": 0.0}
    for case, acting in CASES.items():
        for time, (now, rates) in zip(TIMES, simulate(p, SHREW, acting, TIMES), strict=True):
            values = {
                "bv_tv_change_percent": 100 * (now.phi / SHREW.fraction - 1),
                "osteoclast_ratio": now.C / p["C_0"],
                "osteoblast_ratio": now.B / p["B_0"],
                "lining_cell_ratio": now.L / p["L_0"],
                "resorption_ratio": rates.resorption / p["v_0"],
                "formation_ratio": rates.formation / p["v_0"],
                "il1_pM": rates.cytokines.il1,
                "il6_pM": rates.cytokines.il6,
                "rankl_pM": rates.rankl,
                "opg_pM": rates.opg,
            }
            texts = {name: f"{value + 0.0:.6g}" for name, value in values.items()}
            yield {"case": case, "time_day": str(time), **texts}


def main() -> None:
    table = list(rows())
    with PATH.open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main()
