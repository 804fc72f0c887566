"""Findings are complete, counted as they are, and shown with their errors."""

import re
from collections.abc import Iterable
from math import inf, nan
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.cli import main
from tissue.errors import InputError, RunError
from tissue.kernels.surface import specific_surface
from tissue.validation import report
from tissue.validation.findings import (
    USES,
    Expected,
    ReferenceFinding,
    Result,
    Suite,
    Use,
    above_zero,
    compare,
    selected,
)
from tissue.validation.simulations import BONES, Estimate, SimulationCache, Trajectory, bone
from tissue.validation.table import VALIDATION
from tissue.verification.table import VERIFICATION

CHANGE = Expected("change of BV/TV", -30, -10, "%")
MORE = above_zero("rise")
EVERY = (*VALIDATION.findings, *VERIFICATION.findings)


def finding(
    name: str,
    *got: Estimate,
    use: Use = "predicted",
    expected: Iterable[Expected] = (CHANGE,),
    slow: bool = False,
) -> ReferenceFinding:
    return ReferenceFinding(
        name,
        "what was found",
        "study",
        use,
        "mouse",
        tuple(expected),
        lambda _: got,
        observable="BV/TV by histology",
        reason="growth" if use == "known gap" else "",
        slow=slow,
    )


def verdict(made: ReferenceFinding, slow: bool = False) -> Result:
    (result,) = compare([made], SimulationCache(), slow=slow)
    return result


def test_every_finding_is_there_once() -> None:
    numbers = {f"V{number:02d}" for number in range(1, 75)}
    ids = [each.id for each in EVERY]
    assert len(ids) == len(set(ids))
    assert set(ids) == numbers | {"T01", "T02", "T03", "T04"}
    for each in EVERY:
        assert (each.compute is None) != bool(each.expected), each.id
        assert each.text
        assert each.source
        assert bool(each.bone) == (each.compute is not None), each.id


def test_what_is_left_out_or_missed_has_a_reason() -> None:
    for each in EVERY:
        needed = each.compute is None or each.use == "known gap"
        assert bool(each.reason) == needed, each.id


def test_findings_on_tissue_say_what_was_measured() -> None:
    for each in VALIDATION.findings:
        assert each.observable, each.id


def test_each_suite_has_its_own_uses() -> None:
    uses = {each.use for each in VALIDATION.findings}
    assert uses == {*USES} - {"numerics", "trajectory"}
    assert {each.use for each in VERIFICATION.findings} == {"numerics", "trajectory", "known gap"}


def test_a_prediction_has_the_interval_of_the_data() -> None:
    for each in EVERY:
        if each.use == "predicted":
            assert all(-inf < e.low < e.high < inf and not e.order for e in each.expected), each.id


def test_every_range_says_something() -> None:
    for each in EVERY:
        bounds = [(e.low, e.high) for e in each.expected]
        assert all(low < high for low, high in bounds), each.id
        assert each.compute is None or any(bound != (-inf, inf) for bound in bounds), each.id
        assert all(min(abs(e.low), abs(e.high)) < inf for e in each.expected if e.order), each.id


@pytest.mark.parametrize(
    ("got", "word"),
    [(-20.0, "pass"), (-30.0, "pass"), (-30.1, "FAIL"), (5.0, "FAIL"), (nan, "FAIL")],
)
def test_a_value_must_lie_in_its_range(got: float, word: str) -> None:
    assert verdict(finding("V90", Estimate(got))).verdict == word


def test_an_order_must_be_resolved() -> None:
    clear, drowned = Estimate(1.0, 0.05), Estimate(1.0, 0.2)
    assert verdict(finding("V90", clear, expected=[MORE])).verdict == "pass"
    result = verdict(finding("V90", drowned, expected=[MORE]))
    assert result.verdict == "FAIL"
    assert "rise is not resolved" in result.remark
    assert verdict(finding("V90", drowned)).verdict == "FAIL"


def test_all_quantities_must_hold() -> None:
    pair = [CHANGE, MORE]
    assert verdict(finding("V90", Estimate(-20), Estimate(1), expected=pair)).verdict == "pass"
    result = verdict(finding("V90", Estimate(-20), Estimate(-1), expected=pair))
    assert (result.verdict, result.remark) == ("FAIL", "rise is outside")


def test_a_known_gap_counts_neither_way() -> None:
    for got, remark in ((-50.0, "change of BV/TV is 20 % off"), (-20.0, "inside the range here")):
        result = verdict(finding("V90", Estimate(got), use="known gap"))
        assert (result.verdict, result.remark) == ("known gap", f"{remark}; missing: growth")
        assert report.summary([result]) == "known gaps: 1; not run: 0"


def test_a_slow_finding_waits_for_full() -> None:
    slow = finding("V90", Estimate(-20), slow=True)
    assert verdict(slow).verdict == "not run"
    assert "--full" in verdict(slow).remark
    assert verdict(slow, slow=True).verdict == "pass"


def test_a_gap_in_a_pure_number_has_no_unit() -> None:
    ratio = Expected("ratio", 1, 2, "1")
    result = verdict(finding("V90", Estimate(3.5), use="known gap", expected=[ratio]))
    assert result.remark == "ratio is 1.5 off; missing: growth"


@pytest.mark.parametrize(
    ("low", "high", "got", "misfit"),
    [
        (-30, -10, -15, 0),
        (-30, -10, -45, 1.5),
        (-inf, 0.4, 0.6, 0.5),
        (2, inf, 1, 0.5),
        (0, inf, -0.1, inf),
        (-30, -10, nan, inf),
        (-30, -10, inf, inf),
    ],
)
def test_a_miss_is_measured_in_half_widths_of_the_range(
    low: float, high: float, got: float, misfit: float
) -> None:
    assert Expected("x", low, high, "1").misfit(Estimate(got)) == pytest.approx(misfit)


def test_the_farthest_miss_comes_first() -> None:
    near, far = finding("V90", Estimate(-32.0)), finding("V91", Estimate(-5.0), use="known gap")
    results = [verdict(each) for each in (near, finding("V92", Estimate(-20.0)), far)]
    assert list(report.misses(results)) == [
        "V91 (known gap): change of BV/TV is -5 %, expected -30 to -10 %; 0.5 half widths off",
        "V90 (FAIL): change of BV/TV is -32 %, expected -30 to -10 %; 0.2 half widths off",
    ]


def test_a_miss_by_resolution_or_a_stop_is_named_too() -> None:
    drowned = verdict(finding("V90", Estimate(1.0, 0.2), expected=[MORE]))
    assert list(report.misses([drowned])) == [f"V90 (FAIL): {drowned.remark}"]


def test_the_page_opens_with_how_many_of_each_kind_are_reproduced() -> None:
    results = [
        verdict(finding("V90", Estimate(-20.0))),
        verdict(finding("V91", Estimate(-40.0), use="calibrated")),
    ]
    page = report.markdown(VALIDATION, results, SimulationCache(), full=False)
    opening, counts, worst, written = page.split("\n\n")[1:5]
    assert opening == f"**{report.summary(results)}.**"
    assert [row.split(" | ", 2)[0] for row in counts.splitlines()[2:]] == [
        "| calibrated",
        "| predicted",
    ]
    assert counts.splitlines()[2].endswith(" | 0 | 1 | 0 | 0 |")
    assert counts.splitlines()[3].endswith(" | 1 | 0 | 0 | 0 |")
    assert worst.startswith("Farthest from the data")
    assert "V91 (FAIL)" in written


def test_a_run_that_breaks_down_fails_its_finding_only() -> None:
    def broken(_: SimulationCache) -> list[Estimate]:
        raise RunError("stopped in step 3: osteoclasts are negative")

    bad = ReferenceFinding("V90", "text", "study", "predicted", "mouse", (CHANGE,), broken)
    first, second = compare([bad, finding("V91", Estimate(-20))], SimulationCache(), slow=False)
    assert (first.verdict, first.computed) == ("FAIL", ())
    assert "stopped in step 3" in first.remark
    assert second.verdict == "pass"
    assert "stopped in step 3" in report.markdown(
        VALIDATION, [first], SimulationCache(), full=False
    )


def test_findings_are_selected_by_id() -> None:
    found = selected(VALIDATION, ["v22", "V03"], VERIFICATION)
    assert [each.id for each in found] == ["V03", "V22"]
    assert selected(VALIDATION, None, VERIFICATION) == VALIDATION.findings
    for suite, other, name, sentence in (
        (
            VALIDATION,
            VERIFICATION,
            "V99",
            "not known; it must be among V01 to V24, V27 to V42, V47 to V74$",
        ),
        (VERIFICATION, VALIDATION, "T05", "among V25 to V26, V43 to V46, T01 to T04$"),
        (VERIFICATION, VALIDATION, "V01", "--only V01: use tissue validate --only V01$"),
        (VALIDATION, VERIFICATION, "T01", "--only T01: use tissue verify --only T01$"),
    ):
        with pytest.raises(InputError, match=sentence):
            selected(suite, [name], other)


def test_the_command_prints_a_table_and_fails_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = finding("V01", Estimate(-20, 0.05))
    gap = finding("V02", Estimate(-50), use="known gap")
    bad = finding("V03", Estimate(-5), use="calibrated")
    left = ReferenceFinding("V04", "text", "study", "predicted", reason="no such microscope")
    suite = VALIDATION._replace(findings=(good, gap, bad, left))
    monkeypatch.setattr("tissue.validation.table.VALIDATION", suite)
    table = tmp_path / "table.md"

    assert main(["validate", "--only", "V01", "V02", "V04"]) == 0
    assert main(["validate", "--markdown", str(table)]) == 1
    printed = capsys.readouterr().out
    assert "V01  pass       predicted         what was found (study, mouse)" in printed
    assert "change of BV/TV: expected -30 to -10 %, computed -20 +- 0.05 %" in printed
    assert "V03  FAIL" in printed
    assert "0 of 1 calibrated, 1 of 1 predicted findings are reproduced; " in printed
    assert "known gaps: 1; not run: 1" in printed

    text = table.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| V")]
    assert [row.count(" | ") for row in rows] == [7, 7, 7, 7]
    assert rows[0].endswith("| -20 +- 0.05 % | pass |")
    assert rows[1].endswith("| known gap: change of BV/TV is 20 % off; missing: growth |")
    assert rows[2].endswith("| -5 % | FAIL |")
    assert rows[3].endswith("| no such microscope | not run |")

    assert main(["validate", "--only", "V77"]) == 2


def test_errors_of_estimates_add() -> None:
    a, b = Estimate(6.0, 0.3), Estimate(-2.0, 0.1)
    assert a.minus(b) == pytest.approx((8.0, 0.4))
    assert a.times(-2) == pytest.approx((-12.0, 0.6))
    # 5 % and 5 % of -3
    assert a.over(b) == pytest.approx((-3.0, 0.3))
    assert np.isnan(a.over(Estimate(0.0)).value)


def test_a_marker_is_that_of_the_whole_day_before() -> None:
    # a drug that comes once a day: formation is low after it and normal in the evening
    rates = np.array([1.0, 0.4, 1.0, 0.4, 1.0])
    columns = {
        "time_day": np.array([0.0, 0.25, 1.0, 1.25, 2.0]),
        "formation_um_per_day": rates,
        "resorption_um_per_day": 2 * rates,
        "surface_density_per_mm": np.array([10.0, 10.0, 10.0, 20.0, 20.0]),
    }
    state: Any = None
    run = Trajectory("mouse", columns, np.zeros(5), 0.01, np.ones(1), state, state)
    # 20 (0.25 x 0.4 + 0.75 x 1) over 10 x 1 at the start, and over 10 x 0.85 of the first day
    assert run.formation_ratio(2) == pytest.approx((1.7, 0.017))
    assert run.resorption_ratio(2) == pytest.approx((1.7, 0.017))
    assert run.formation_ratio(2, since=1).value == pytest.approx(2.0)


@pytest.mark.parametrize(("species", "surface"), [("mouse", 55), ("human", 18)])
def test_bones_have_the_surface_of_the_species(species: str, surface: float) -> None:
    made = bone(species)
    assert made.grid.shape == BONES[species].shape
    share = made.bone_volume_fraction
    area = 1000 * float(specific_surface(jnp.asarray(share), made.grid.spacing).sum())
    assert area / share.sum() == pytest.approx(surface, rel=0.05)


@pytest.mark.parametrize(
    ("suite", "page"), [(VALIDATION, "validation.md"), (VERIFICATION, "verification.md")]
)
def test_the_pages_show_every_finding(suite: Suite, page: str) -> None:
    text = (Path(__file__).parents[1] / "docs" / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| [VT]\d\d: ", line)]
    assert len(rows) == len(suite.findings)
    for row, each in zip(rows, suite.findings, strict=True):
        expected = "<br>".join(f"{one.quantity}: {one.range}" for one in each.expected)
        what = f"{each.id}: {each.text}"
        cells = (what, each.source, each.use, each.observable, each.bone, expected)
        assert row.startswith(f"| {' | '.join(cells)} | ")
    assert suite.method in text
    assert suite.notes in text


@pytest.mark.slow
def test_a_simulation_continues_where_another_ended() -> None:
    cache, disease = SimulationCache(), {"il1_excess": "10 pM"}
    first = cache.run("mouse", 7, every=7, disease=disease)
    assert cache.run("mouse", 7, every=7, disease=disease) is first
    both = cache.run("mouse", 14, after=first, every=7, disease=disease)
    once = cache.run("mouse", 14, every=7, disease=disease)
    assert both.times[-1] == 14
    assert np.all(np.diff(both.times) > 0)
    assert both.change(14).value == pytest.approx(once.change(14).value, abs=0.05)
