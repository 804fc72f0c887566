"""Tables in the pages of docs/, written from the registries of the program.

usage: python docs/tables.py
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tissue.analysis.dynamic import DYNAMIC
from tissue.analysis.morphometry import MEASURES
from tissue.model.drugs import BODY_WEIGHT, DRUGS, Published, Regimen
from tissue.model.fields import FIELDS
from tissue.model.kinetic_summary import comparisons, summary
from tissue.model.mechanisms import MECHANISMS
from tissue.model.observables import METRICS
from tissue.model.targets import TARGETS, BoneBinding
from tissue.simulation.ledger import COLUMNS

PAGES = [Path(__file__).parent / name for name in ("outputs.md", "run-file.md", "drugs.md")]

SHOWN = {
    "peak": (("mg/l", 1.0), ("ug/l", 1e-3), ("ng/l", 1e-6)),
    "peak_time": (("d", 1.0), ("h", 1 / 24), ("min", 1 / 1440)),
    "area": (("mg d/l", 1.0), ("ug d/l", 1e-3), ("ng d/l", 1e-6)),
    "half_life": (("d", 1.0), ("h", 1 / 24), ("min", 1 / 1440)),
}
"""Units in which numbers of kinetics are shown, largest first, by attribute of a summary."""


def tables() -> Mapping[str, str]:
    """The generated tables by the name that marks their place in a page."""
    head = ("column", "unit", "meaning")
    measured = (
        (f"`{name}`", measure.symbol, measure.unit, measure.long_name)
        for name, measure in MEASURES.items()
    )
    mechanisms = (
        (f"`{name}`", "on" if each.default else "off", each.long_name)
        for name, each in MECHANISMS.items()
    )
    dynamic = ((each.symbol, each.unit, each.long_name) for each in DYNAMIC.values())
    return {
        "fields": _table(("field", *head[1:]), ((f"`{k}`", v[0], v[1]) for k, v in FIELDS.items())),
        "metrics": _table(head, ((f"`{k}`", v[0], v[1]) for k, v in METRICS.items())),
        "ledger": _table(head, ((f"`{k}`", _unit(v[0]), v[1]) for k, v in COLUMNS.items())),
        "morphometry": _table(("column", "measure", *head[1:]), measured),
        "mechanisms": _table(("mechanism", "by default", "when it is on"), mechanisms),
        "dynamic": _table(("measure", *head[1:]), dynamic),
    } | {f"drugs in {species}": _kinetics(species) for species in BODY_WEIGHT}


def _kinetics(species: str) -> str:
    """Kinetics of every drug in a species, beside what was published."""
    rows: list[tuple[str, ...]] = []
    for name, drug in DRUGS.items():
        usual = drug.regimen[species]
        kept = (f"`{name}`", drug.kinetics[species].route)
        if isinstance(TARGETS[drug.target].action, BoneBinding):
            assert drug.full_dose
            share = f"{usual.dose / drug.full_dose[species] * 100:.0f} % of the free sites"
            why = f"binds {share} at the dose: kinetics in plasma do not act. {drug.source}"
            rows.append((*kept, _dose(usual, species), *("",) * 4, why))
            continue
        if not any(usual.dose == each.dose for each in drug.published[species]):
            computed = summary(drug, species, usual.dose)._asdict().items()
            cells = tuple(_number(key, value) for key, value in computed)
            why = f"nothing published of this dose was found. {drug.kinetics[species].source}"
            rows.append((*kept, _dose(usual, species, single=True), *cells, why))
        rows += [
            (*kept, *_compared(name, species, each), _why(each)) for each in drug.published[species]
        ]
    heads = ("drug", "route", "dose", "peak", "time of the peak", "area", "half-life", "source")
    return _table(heads, rows)


def _why(published: Published) -> str:
    return published.source + (f"; missed, as {published.reason}" if published.reason else "")


def _compared(name: str, species: str, published: Published) -> tuple[str, ...]:
    """A dose, and its computed numbers with the published ones and the ratio."""
    drug, found = DRUGS[name], comparisons(name, species, published)
    regimen = Regimen(published.dose, published.interval or 0.0)
    computed = summary(drug, species, published.dose, published.interval, published.until)
    cells = [_dose(regimen, species, single=published.interval is None)]
    for key, value in computed._asdict().items():
        cell = _number(key, value)
        if key == "area" and published.until < math.inf:
            cell += f" in {published.until:g} d"
        if key in found:
            wanted = found[key].published
            ends = wanted if isinstance(wanted, tuple) else (wanted,)
            shown = " to ".join(_number(key, each, value) for each in ends)
            cell += f"; {shown} ({found[key].ratio:.2f})"
        cells.append(cell)
    return tuple(cells)


def _dose(regimen: Regimen, species: str, *, single: bool = False) -> str:
    """A dose as it is given: people get an amount, mice one per body weight."""
    human = species == "human"
    amount, unit = regimen.dose * BODY_WEIGHT[species] if human else regimen.dose, "mg"
    if amount < 0.1:
        amount, unit = 1000 * amount, "ug"
    each = "once" if single else f"every {regimen.interval:.3g} d"
    return f"{amount:.3g} {unit}{'' if human else '/kg'} {each}"


def _number(key: str, value: float, unit_of: float | None = None) -> str:
    """A number of a summary in the unit that suits it, or another number that it stands beside."""
    if key == "peak_time" and value == 0:
        return "at once"
    units = SHOWN[key]
    suits = [each for each in units if (unit_of or value) >= each[1]]
    unit, size = suits[0] if suits else units[-1]
    return f"{float(f'{value / size:.3g}'):g} {unit}"


def _unit(text: str) -> str:
    """A unit that is part of a column's name, as in the other tables."""
    return re.sub(r"mm(\d)", r"mm^\1", text).replace("_per_", "/").replace("_", " ")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    lines.insert(1, ("---",) * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """A page with its tables as the program has them.

    Args:
        text: the page as it is; each table stands between `<!-- NAME -->` and `<!-- /NAME -->`.
    """
    for name, table in tables().items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if end:
            text = f"{before}{start}{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
