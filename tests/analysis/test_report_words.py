"""Paragraph of a report, its reservations, charts without noise, and contrast of its colors."""

import math
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.made import branched, made

from tissue.analysis.courses import (
    MOST_RUNS,
    PANELS,
    Course,
    Panel,
    coincidence,
    flattened,
    limits,
    marks_in_words,
    tick_texts,
    ticks,
    time_unit,
    unseen_drugs,
)
from tissue.analysis.disease import disease, tables_of
from tissue.analysis.report import words
from tissue.analysis.report.charts import charts
from tissue.analysis.report.collect import collected, differences, since_first_dose
from tissue.analysis.report.page import page
from tissue.analysis.treatment import MOST_MARKS, Regimen, regimens
from tissue.model.species import SOLUTES

RUN_FILE = """
[run]
preset = "human"
duration = "14 day"
[geometry]
file = "../data/spine.nrrd"
[disease]
tnf = "0 pM"
il6_excess = "2 pM"
aging = true
[disease.pannus]
faces = ["z_low", "x_high"]
depth = "100 um"
[disease.estrogen]
loss = 1
onset = "0 day"
ramp = "730.5 day"
[[disease.il1_excess]]
from = "0 day"
to = "7 day"
value = "10 pM"
[knockout]
il1_receptor = true
tnf = false
[[therapy]]
drug = "denosumab"
dose = "0.9230769230769231 mg/kg"
times = ["0 day", "7 day"]
"""


def about(folder: Path, run_file: str = "", **changes: Any) -> dict[str, Any]:
    """Contents of a page about a run, with another run file."""
    if run_file:
        (folder / "run.toml").write_text(run_file, encoding="utf-8")
    return collected(folder) | {"name": folder.name, "parameters": []} | changes


def test_a_folder_of_slices_is_no_image(tmp_path: Path) -> None:
    folder = RUN_FILE.replace("../data/spine.nrrd", "../scans/left knee/")
    text = words.setting(about(made(tmp_path / "run"), folder))
    assert text.startswith("Trabecular bone of the slices in left knee with the cells of a human, ")


def test_the_paragraph_says_what_was_simulated(tmp_path: Path) -> None:
    text = words.setting(about(made(tmp_path / "run"), RUN_FILE))
    times = "\N{MULTIPLICATION SIGN}"
    assert text.startswith(
        "Trabecular bone of the image spine.nrrd with the cells of a human, "
        f"0.24 {times} 0.24 {times} 0.24 mm (z, y, x), of 24 {times} 24 {times} 24 voxels of "
        "10 \N{MICRO SIGN}m, was simulated from day 0 to 14."
    )
    for part in (
        "IL-6 raised everywhere by 2 pM from day 0 on; IL-1 raised everywhere by 10 pM from day 0 "
        "to 7; inflamed",
        "inflamed tissue (pannus, 100 \N{MICRO SIGN}m deep) at the low face of z and the high face "
        "of x from day 0 on",
        "all of the estrogen lost over 730.5 days from day 0 on",
        "aging",
        "without the gene of the IL-1 receptor",
        "Treatment: denosumab 0.9231 mg/kg every 7 days, 2 doses from day 0 to 7.",
    ):
        assert part in text
    assert "TNF raised" not in text


def test_the_paragraph_says_what_came_of_it(tmp_path: Path) -> None:
    run = about(made(tmp_path / "run", 0.1))
    text = words.outcome(run)
    start, end = (run["metrics"]["bv_tv"][i] for i in (0, -1))
    change = 100 * (1 - end / start)
    assert f"fell from {start:.3f} on day 0 to {end:.3f} on day 14" in text
    assert f"(\N{MINUS SIGN}{change:.1f} %)" in text
    assert "osteoclasts +200.0 %" in text
    assert "Strength was not computed" in text
    healthy = words.setting(about(made(tmp_path / "healthy"), '[run]\npreset = "mouse"\n'))
    assert "It had no disease. It had no treatment." in healthy


def test_a_branch_says_when_it_left_its_parent(tmp_path: Path) -> None:
    branch = branched(made(tmp_path / "mine"), tmp_path / "treated", 0.0)
    assert "left its parent on day 7; before that day both are one run" in words.setting(
        about(branch)
    )


def test_the_strongest_reservation_comes_first(tmp_path: Path) -> None:
    run = about(made(tmp_path / "run"))
    run["ledger"] = [{"name": "bone", "residual": 0.02}, {"name": "rankl", "residual": 1e-9}]
    run["morphometry"] = {"tb_th": [0.05], "tb_sp": [0.15]}
    run["parameters"] = [{"confidence": "low"}, {"confidence": "high"}]
    found = words.reservations(run)
    assert found[0].startswith("The budget of bone does not close")
    assert found[1] == "The run warns: <b>look</b> out"
    assert "1.2 distances between trabeculae, and 5 are needed" in found[2]
    assert "1 of the 2 parameters are of low confidence" in found[3]
    assert "do not all close, the worst (bone) to 2e-02" in words.budgets(run)
    run["ledger"] = [{"name": "bone", "residual": 1e-7}]
    assert "the budgets close, the worst (bone) to 1e-07" in words.budgets(run)
    text = page([tmp_path / "run"])
    top = text[text.index('id="short"') : text.index('id="numbers-title"')]
    assert top.count("<li>") == words.RESERVATIONS
    assert "The run warns: &lt;b&gt;look&lt;/b&gt; out." in top


def arm(name: str, values: list[float], doses: list[float], **origin: str) -> dict[str, Any]:
    """Part of the contents of a page about an arm with rows on days 0, 7 and 14."""
    line = {"name": "bv_tv", "label": "BV/TV", "unit": ""}
    therapy = [{"drug": "anakinra", "dose": "1 mg/kg", "times": doses}] if doses else []
    return {
        "name": name,
        "metrics": {"time_day": [0.0, 7.0, 14.0], "bv_tv": values},
        "headlines": [line],
        "therapy": therapy,
        "provenance": origin,
    }


def test_arms_are_compared_from_the_start_and_from_a_first_dose() -> None:
    runs = [
        arm("il1", [0.2, 0.19, 0.171], []),
        arm("treated", [0.2, 0.19, 0.181], [7.0, 8.0]),
        arm("late", [0.2, 0.19, 0.171], [14.0]),
    ]
    found = differences(runs)
    text = words.compared(runs, found, since_first_dose(runs, 0.0, 14.0))
    minus = "\N{MINUS SIGN}"
    assert text == (
        f"From day 0 to 14 BV/TV changed by {minus}14.5 % in il1, by {minus}9.5 % in treated (a "
        f"difference of +5.0 percentage points from the change of il1) and by {minus}14.5 % in "
        "late (a difference of 0.0 percentage points from the change of il1). From the first dose "
        f"(day 7) to day 14 it changed by {minus}10.0 % in il1, by {minus}4.7 % in treated and by "
        f"{minus}10.0 % in late."
    )
    runs[1]["therapy"][0]["times"] = [0.0, 7.0]
    assert since_first_dose(runs, 0.0, 14.0) == {}, "it was treated from the start"


def test_arms_of_different_programs_are_named() -> None:
    one = arm("il1", [], [], tissue="1.2", git_commit="0123456789abcdef")
    other = arm("treated", [], [], tissue="1.2", git_commit="fedcba9876543210")
    (text,) = words.unlike_programs([one, other])
    assert "il1 by 1.2 (commit 0123456789); treated by 1.2 (commit fedcba9876)" in text
    assert words.unlike_programs([one, one]) == words.unlike_programs([one]) == []
    assert "old by an unknown version" in words.unlike_programs([one, arm("old", [], [])])[0]


def test_no_file_is_named_that_a_reader_of_the_page_alone_lacks(tmp_path: Path) -> None:
    text = page([made(tmp_path / "run")])
    body = text[: text.index('id="data"')]
    assert "documentation of tissue lists them" in body
    assert "docs/" not in body


def test_noise_of_the_solver_is_drawn_flat() -> None:
    noise = 10.5 + 3e-7 * np.arange(9.0)
    values, flat = flattened(noise)
    assert flat
    assert np.ptp(values) == 0
    low, high = limits([values])
    assert low < 9.6
    assert high > 11.4
    values, flat = flattened(np.array([1e-14, -2e-5, 3e-5]), percent=True)
    assert flat
    assert not values.any()
    values, flat = flattened(np.array([10.5, 10.6]))
    assert not flat
    assert values.tolist() == [10.5, 10.6]


def test_axes_have_round_numbers_without_an_offset() -> None:
    assert ticks(0.31, 0.42) == pytest.approx([0.32, 0.34, 0.36, 0.38, 0.40, 0.42])
    assert tick_texts([0.3, 0.35, 0.4]) == ["0.30", "0.35", "0.40"]
    assert tick_texts([-5.0, 0.0, 5.0]) == ["\N{MINUS SIGN}5", "0", "5"]
    assert [time_unit(days).name for days in (14, 168, 365, 3650)] == [
        *("day", "day", "month", "year")
    ]
    assert time_unit(3650).moment(1826.25) == "year 5"
    assert time_unit(14).moment(7.5) == "day 7.5"


def test_charts_name_every_line_and_mark_doses_and_branches() -> None:
    days = np.arange(15.0)
    columns = (
        *("bv_tv", "bv_tv_change_percent", "resorption_um_per_day", "formation_um_per_day"),
        *("osteoclasts_per_mm2", "osteoblasts_per_mm2", "rankl_pM", "opg_pM", "il1_marrow_pM"),
    )
    metrics = {"time_day": days} | dict.fromkeys(columns, 1 + days)
    drug = Regimen("anakinra", "1 mg/kg", (7.0, 8.0))
    one = Course("mine", metrics)
    two = Course("treated", metrics | {"osteoclasts_per_mm2": 1 + 2 * days}, (drug,), 7.0)
    found = {chart.title: chart for chart in charts([one, two])}
    assert len(found) == 7
    cells = found["osteoclasts, N.Oc/BS [1/mm\N{SUPERSCRIPT TWO}]"]
    assert [name for _, name in cells.legend] == ["mine", "treated"]
    assert cells.svg.count('class="dose') == 2
    assert "treated branches, day 7" in cells.svg
    assert "anakinra 1 mg/kg daily, 2 doses from day 7 to 8" in cells.svg
    starts = re.findall(r'<polyline class="line(\d)" points="([\d.]+),', cells.svg)
    assert float(starts[1][1]) > float(starts[0][1])  # the branch begins at its day
    assert not cells.note
    il1 = PANELS[5]
    assert coincidence(il1, [one, two]) == "treated lies on mine"
    blocked = two._replace(metrics=metrics | {"il1_receptor_drug_pM": 1 + days})
    assert unseen_drugs(il1, [one, two]) == ""
    assert unseen_drugs(il1, [one, blocked]).startswith("the drug of treated blocks the receptor")
    (note,) = (each.note for each in charts([blocked]) if each.title.startswith("IL-1"))
    assert note.startswith("the drug blocks the receptor and leaves IL-1 itself as it is")
    alone = {chart.title: chart for chart in charts([one])}
    rates = alone["rate at the surface [\N{MICRO SIGN}m/day]"]
    assert rates.legend == [(1, "resorption"), (0, "formation")], "orange is lost, blue is formed"


def test_equal_courses_are_drawn_in_strips_of_their_own() -> None:
    metrics = {"time_day": np.arange(3.0), "bv_tv_change_percent": -np.arange(3.0)}
    drug = Regimen("anakinra", "1 mg/kg", (1.0,))
    twins = [Course("mine", dict(metrics), (drug,)) for _ in range(2)]
    (chart,) = charts(twins)
    strips = re.findall(r'<rect class="strip dot(\d)" x="[\d.]+" y="([\d.]+)"', chart.svg)
    assert [number for number, _ in strips] == ["0", "1"]
    assert strips[0][1] != strips[1][1]


def test_as_many_runs_as_are_allowed_have_a_line_of_their_own() -> None:
    metrics = {"time_day": np.arange(3.0), "bv_tv_change_percent": -np.arange(3.0)}
    (chart,) = charts([Course(f"{number}", metrics) for number in range(MOST_RUNS)])
    lines = re.findall(r'<polyline class="([^"]*)"', chart.svg)
    assert len(set(lines)) == MOST_RUNS >= 8
    style = (files("tissue.analysis.report") / "page.css").read_text(encoding="utf-8")
    for name in {each for line in lines for each in line.split()}:
        assert f".{name} {{ stroke" in style, name


def test_marks_are_named_only_where_they_are_drawn() -> None:
    metrics = {"time_day": np.arange(101.0), "bv_tv_change_percent": np.arange(101.0)}
    few = Regimen("anakinra", "1 mg/kg", tuple(range(MOST_MARKS)))
    many = few._replace(times=tuple(range(MOST_MARKS + 1)))
    late = few._replace(times=(200.0,))
    for therapy, text, count in (
        ((few,), ", with a mark for each dose", MOST_MARKS),
        ((many,), "", 0),
        ((late,), "", 0),
        ((few, many), ", with a mark for each dose of treatments that have at most 60", MOST_MARKS),
    ):
        course = Course("mine", metrics, therapy)
        assert marks_in_words([course]) == text
        (chart,) = charts([course])
        assert chart.svg.count('class="dose') == count


def test_damaged_run_files_have_no_doses_and_no_words() -> None:
    assert regimens("[[therapy]]\ndrug = 'x'\ndose = '1 mg'\ntimes = ['x']") == []
    assert regimens("[[") == []
    assert tables_of("[[") == {}
    no_numbers = ("tnf = 'x'", "tnf = '1/0 pM'")
    halves = ("il1_excess = [{ value = '1 pM' }]", "il1_excess = [1]", "estrogen = 1", "pannus = 1")
    for half in (
        *no_numbers,
        *halves,
        "[boundary.il1]\nx_low = 1",
        "[knockout]\n[load]\nfactor = [3]",
    ):
        assert disease(f"[disease]\n{half}") == "not readable in the run file"
    assert disease("disease = 3") == "not readable in the run file"


HEALTHY_PIECE = "{ from = '0 day', to = '7 day', value = "


@pytest.mark.parametrize(
    "text",
    [
        "[disease]\ntnf = '0 pM'\nrankl_production = 1",
        "[disease]\nestrogen = { loss = 0, onset = '0 day', ramp = '0 day' }",
        f"[disease]\nestrogen = {{ loss = [{HEALTHY_PIECE}0 }}] }}",
        f"[disease]\nil1_excess = [{HEALTHY_PIECE}'0 pM' }}]",
        f"[load]\nfactor = [{HEALTHY_PIECE}1 }}, {HEALTHY_PIECE}1.0 }}]",
    ],
)
def test_values_of_health_are_no_disease(text: str) -> None:
    assert disease(text) == ""


def test_every_solute_and_gene_is_named_and_amounts_are_short() -> None:
    keys = {each.excess_key: each.long_name for each in SOLUTES.values() if each.excess_key}
    for key, name in keys.items():
        raised = f"{name} raised everywhere by 172.4 pM from day 0 on"
        assert disease(f"[disease]\n{key} = '172.41379310344828 pM'") == raised
    for key, each in SOLUTES.items():
        assert disease(f"[knockout]\n{key} = true") == f"without the gene of {each.long_name}"
    assert disease("[load]\nfactor = '1/3'") == "usual load times 0.3333 from day 0 on"


def test_doses_whose_times_are_rounded_are_daily() -> None:
    times = (0.4, math.nextafter(1.4, 1), 2.4)
    assert times[1] - times[0] < 1
    found = Regimen("anakinra", "1 mg/kg", times).words(7.0)
    assert found == "anakinra 1 mg/kg daily, 3 doses from day 0.4 to 2.4"


def luminance(color: str) -> float:
    """Relative luminance of a color such as '#a0b0c0' (WCAG 2.2)."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colors (WCAG 2.2)."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_texts_and_lines_of_a_page_have_the_contrast_of_level_aa() -> None:
    style = (files("tissue.analysis.report") / "page.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    themes = [theme for theme in themes if "ink" in theme]
    assert len(themes) >= 2
    for theme in themes:
        for back in (theme["back"], theme["card"]):
            assert contrast(theme["ink"], back) >= 7
            assert contrast(theme["faint"], back) >= 4.5
            for number in range(4):
                assert contrast(theme[f"run{number}"], back) >= 3


@pytest.mark.parametrize(
    ("panel", "column", "told"),
    [
        (PANELS[4], "rankl_drug_pM", True),
        (PANELS[5], "il1_drug_pM", True),
        (PANELS[5], "il1_beta_drug_pM", True),
        (PANELS[5], "rankl_drug_pM", False),
        (PANELS[0], "rankl_drug_pM", False),
    ],
)
def test_what_a_drug_has_bound_is_said_to_be_counted(panel: Panel, column: str, told: bool) -> None:
    """The model follows free and bound molecules as one, and lowers only their effect."""
    course = Course("a", {"time_day": np.arange(2.0), column: np.array([0.0, 1.0])})
    said = "what the drug has bound is counted too" if told else ""
    assert unseen_drugs(panel, [course]) == said
