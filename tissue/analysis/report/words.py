"""Sentences of a report: the bone, the disease, the drugs, the outcome, and how far to trust it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tissue.analysis.box_size import BOX_SPACINGS, box_in_spacings
from tissue.analysis.common_start import SAME_TIME, percent, signed
from tissue.analysis.courses import YEAR
from tissue.analysis.disease import disease, tables_of
from tissue.analysis.treatment import regimens
from tissue.errors import listed

RESERVATIONS = 3
"""Most reservations at the top of a page [1]; the section on trust has all."""

UNRESOLVED = 0.05
"""Share of bone without a solid core from which a page names it [1] (assumption)."""

LIMIT = 1e-3
"""Relative error of a conservation budget from which a page doubts it [1] (assumption)."""

COMMIT = 10
"""Characters of a commit that a page shows [1]."""

Run = Mapping[str, Any]


def setting(run: Run, first: Run | None = None) -> str:
    """The bone, its voxels, the disease, the drugs and the days of a run, as sentences.

    Args:
        run: the run.
        first: another run whose sentences stand before; what both share is not said again.
    """
    times = run["metrics"]["time_day"]
    piece, disease = _piece_of_bone(run), _disease(run)
    period = f"from day {times[0]:g} to {times[-1]:g}{_years(times[-1] - times[0])}"
    if first and (piece, disease) == (_piece_of_bone(first), _disease(first)):
        text = f"The same bone and disease, {period}. "
    else:
        text = f"{piece}, was simulated {period}. {disease} "
    doses = [each.words(times[-1]) for each in regimens(run["run_file"])]
    text += f"Treatment: {'; '.join(doses)}. " if doses else "It had no treatment. "
    if run["branched"] is not None:
        text += f"This arm left its parent on day {run['branched']:g}; " + (
            "before that day both are one run. "
            if times[0] < run["branched"] - SAME_TIME
            else "the days before it are not here, and changes count from that day. "
        )
    return text.strip()


def _piece_of_bone(run: Run) -> str:
    shape, spacing = run["grid"]["shape"], run["grid"]["spacing"]
    times = " \N{MULTIPLICATION SIGN} "
    edges = times.join(f"{n * spacing / 1e3:.3g}" for n in shape)
    voxels = times.join(f"{n}" for n in shape)
    return (
        f"{_bone(tables_of(run['run_file']))}, {edges} mm (z, y, x), of {voxels} voxels of "
        f"{spacing:g} \N{MICRO SIGN}m"
    )


def _disease(run: Run) -> str:
    causes = disease(run["run_file"]).replace(" um", " \N{MICRO SIGN}m")
    causes = causes.replace("/mm^3", "/mm\N{SUPERSCRIPT THREE}")
    return f"Disease: {causes}." if causes else "It had no disease."


def outcome(run: Run) -> str:
    """The change of the bone and its cells since the start, and its strength, as sentences."""
    times = run["metrics"]["time_day"]
    lines = {line["name"]: line for line in run["headlines"]}
    since = f"since day {times[0]:g}"
    bone = lines["bv_tv"]
    change = _change(bone)
    verb = "stayed at" if abs(change) < 0.05 else "fell" if change < 0 else "rose"
    if verb == "stayed at":
        text = f"Bone volume (BV/TV) stayed at {bone['end']:.3f} on day {times[-1]:g}. "
    else:
        text = (
            f"Bone volume (BV/TV) {verb} from {bone['start']:.3f} on day {times[0]:g} to "
            f"{bone['end']:.3f} on day {times[-1]:g} ({signed(change)}). "
        )
    cells = [
        f"{name} {signed(_change(lines[key]))}"
        for name, key in (
            ("osteoclasts", "osteoclasts_per_mm2"),
            ("osteoblasts", "osteoblasts_per_mm2"),
        )
        if key in lines and math.isfinite(_change(lines[key]))
    ]
    text += f"Cells per surface {since}: {', '.join(cells)}. " if cells else ""
    if run["strength"]:
        load, stiff = lines["failure_load_z_N"], lines["stiffness_z_N_per_mm"]
        held = tables_of(run["run_file"]).get("load", {}).get("loading", "confined")
        text += (
            f"The load at which the piece fails along z (loading {held}) went from "
            f"{load['start']:.3g} to {load['end']:.3g} N ({signed(_change(load))}); its stiffness "
            f"changed by {signed(_change(stiff))}."
        )
    else:
        text += "Strength was not computed in this run (tissue strength measures it)."
    return text


def reservations(run: Run) -> list[str]:
    """Reasons to doubt the numbers of a run, the strongest first."""
    found = (*_of_numerics(run), *_of_bone(run), *_of_model(run))
    return [sentence.rstrip(".") for sentence in found]


def _of_numerics(run: Run) -> Iterator[str]:
    worst = max(run["ledger"], key=lambda line: line["residual"], default=None)
    if worst and worst["residual"] > LIMIT:
        yield (
            f"The budget of {worst['name']} does not close: {worst['residual']:.1e} of it is "
            f"missing, where {LIMIT:g} is allowed"
        )
    for warning in run["warnings"]:
        yield f"The run warns: {warning}"


def _of_bone(run: Run) -> Iterator[str]:
    unresolved = (run["metrics"].get("unresolved_bone_fraction") or [0])[-1] or 0
    if unresolved > UNRESOLVED:
        yield (
            f"{unresolved:.0%} of the bone at the end is in struts that the voxels hardly resolve: "
            "trust BV/TV there, and not thickness or number"
        )
    measured = run["morphometry"]
    spacing = [measured.get(name, [None])[0] for name in ("tb_th", "tb_sp")]
    if all(spacing):
        edges = [n * run["grid"]["spacing"] / 1e3 for n in run["grid"]["shape"]]
        wide = box_in_spacings(edges, *spacing)
        if wide < BOX_SPACINGS:
            yield (
                f"The box is small: its shortest edge is {wide:.1f} distances between "
                f"trabeculae, and {BOX_SPACINGS:g} are needed for means of the tissue (Harrigan "
                "1988); another piece of the same bone would give other numbers"
            )


def _of_model(run: Run) -> Iterator[str]:
    rows = run.get("parameters") or ()
    low = sum(1 for row in rows if row.get("confidence") == "low")
    if low:
        yield (
            f"{low} of the {len(rows)} parameters are of low confidence: directions and "
            "comparisons are surer than percentages"
        )
    yield "It is one bone, without the differences between animals or patients"
    yield (
        "The model has known gaps against experiments; the page on validation of the "
        "documentation of tissue lists them"
    )


def unlike_programs(runs: Sequence[Run]) -> list[str]:
    """Sentence that names the versions of the program where runs have different ones."""
    programs = [
        tuple(run["provenance"].get(key, "") for key in ("tissue", "git_commit")) for run in runs
    ]
    if len(set(programs)) < 2:
        return []
    shown = "; ".join(
        f"{run['name']} by {version or 'an unknown version'}"
        + (f" (commit {commit[:COMMIT]})" if commit else "")
        for run, (version, commit) in zip(runs, programs, strict=True)
    )
    return [
        f"Different versions of tissue computed the arms, {shown}: part of a difference may be "
        "due to the program"
    ]


def compared(
    runs: Sequence[Run],
    found: Mapping[str, Any],
    later: Mapping[float, Sequence[tuple[str, float]]],
) -> str:
    """Sentences that compare the change of BV/TV of arms.

    Args:
        runs: the arms.
        found: their differences, see `collect.differences`.
        later: changes since a first dose, see `collect.since_first_dose`.
    """
    (bone,) = (line for line in found["lines"] if line["label"] == "BV/TV")
    first, *others = [
        (run["name"], arm)
        for run, arm in zip(runs, bone["arms"], strict=True)
        if arm["change"] is not None
    ]
    shown = [f"by {signed(first[1]['change'])} in {first[0]}"]
    for name, arm in others:
        points = signed(arm["points"], "percentage points")
        shown.append(
            f"by {signed(arm['change'])} in {name} (a difference of {points} from the change of "
            f"{first[0]})"
        )
    text = f"From day {found['start']:g} to {found['end']:g} BV/TV changed {listed(shown)}."
    for day, arms in later.items():
        changes = [f"by {signed(change)} in {name}" for name, change in arms]
        text += (
            f" From the first dose (day {day:g}) to day {found['end']:g} it changed "
            f"{listed(changes)}."
        )
    return text


def budgets(run: Run) -> str:
    """Sentence on what enters, leaves and stays of each conserved quantity."""
    known = [line for line in run["ledger"] if math.isfinite(line["residual"])]
    if not known:
        return "No conservation budgets were written."
    worst = max(known, key=lambda line: line["residual"])
    verdict = "close" if worst["residual"] <= LIMIT else "do not all close"
    return (
        f"What enters, leaves and stays was added up for {len(known)} quantities at each step: "
        f"the budgets {verdict}, the worst ({worst['name']}) to {worst['residual']:.0e} of its "
        f"amount, where {LIMIT:g} is allowed."
    )


def _bone(tables: Mapping[str, Any]) -> str:
    preset = tables.get("run", {}).get("preset", "")
    of = f" with the cells of a {preset}" if preset else ""
    geometry = tables.get("geometry", {})
    if "synthetic" in geometry:
        return f"A piece of synthetic trabecular bone{of}"
    name = str(geometry.get("file", "")).replace("\\", "/").rstrip("/").rpartition("/")[2]
    if not name:
        return f"A piece of bone{of}"
    return f"Trabecular bone of the {'image' if Path(name).suffix else 'slices in'} {name}{of}"


def _change(line: Mapping[str, Any]) -> float:
    return percent(line["start"], line["end"])


def _years(days: float) -> str:
    return f" ({round(days / YEAR, 1):g} years)" if days >= YEAR else ""
