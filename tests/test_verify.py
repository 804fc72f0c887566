"""The facts are complete, honestly counted and honestly shown."""

from collections import Counter
from collections.abc import Iterable
from math import inf, nan
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.cli import main
from tissue.errors import InputError, RunError
from tissue.kernels.surface import specific_surface
from tissue.verification import report
from tissue.verification.facts import Expected, Fact, Result, Use, chosen, judge
from tissue.verification.lab import BONES, Lab, Measured, bone
from tissue.verification.table import FACTS

CHANGE = Expected("change of BV/TV", -30, -10, "%")
MORE = Expected("rise", 0, inf, "1", order=True)


def fact(
    name: str,
    *got: Measured,
    use: Use = "predicted",
    expected: Iterable[Expected] = (CHANGE,),
    slow: bool = False,
) -> Fact:
    return Fact(
        name, "what was found", "study", use, "mouse", tuple(expected), lambda _: got, slow=slow
    )


def verdict(made: Fact, slow: bool = False) -> Result:
    (result,) = judge([made], Lab(), slow=slow)
    return result


def test_every_fact_is_there_once() -> None:
    numbers = [f"V{number:02d}" for number in range(1, 47)]
    assert [each.id for each in FACTS] == [*numbers, "T01", "T02", "T03", "T04"]
    for each in FACTS:
        assert (each.check is None) == bool(each.reason) != bool(each.expected), each.id
        assert each.text
        assert each.source
        assert bool(each.bone) == (each.check is not None), each.id


def test_enough_facts_are_run_and_predicted() -> None:
    uses = Counter(each.use for each in FACTS if each.check and not each.slow)
    assert sum(uses.values()) >= 30
    assert uses["predicted"] >= 15


def test_every_range_says_something() -> None:
    for each in FACTS:
        bounds = [(e.low, e.high) for e in each.expected]
        assert all(low < high for low, high in bounds), each.id
        assert each.check is None or any(bound != (-inf, inf) for bound in bounds), each.id
        assert all(min(abs(e.low), abs(e.high)) < inf for e in each.expected if e.order), each.id


@pytest.mark.parametrize(
    ("got", "word"),
    [(-20.0, "pass"), (-30.0, "pass"), (-30.1, "FAIL"), (5.0, "FAIL"), (nan, "FAIL")],
)
def test_a_value_must_lie_in_its_range(got: float, word: str) -> None:
    assert verdict(fact("V90", Measured(got))).verdict == word


def test_an_order_must_be_resolved() -> None:
    clear, drowned = Measured(1.0, 0.05), Measured(1.0, 0.2)
    assert verdict(fact("V90", clear, expected=[MORE])).verdict == "pass"
    result = verdict(fact("V90", drowned, expected=[MORE]))
    assert result.verdict == "FAIL"
    assert "rise is not resolved" in result.remark
    assert verdict(fact("V90", drowned)).verdict == "FAIL"


def test_all_quantities_must_hold() -> None:
    pair = [CHANGE, MORE]
    assert verdict(fact("V90", Measured(-20), Measured(1), expected=pair)).verdict == "pass"
    result = verdict(fact("V90", Measured(-20), Measured(-1), expected=pair))
    assert (result.verdict, result.remark) == ("FAIL", "rise is outside")


def test_a_known_gap_counts_neither_way() -> None:
    for got, remark in ((-50.0, "change of BV/TV is 20 % off"), (-20.0, "inside the range here")):
        result = verdict(fact("V90", Measured(got), use="known gap"))
        assert (result.verdict, result.counted, result.remark) == ("known gap", False, remark)
        assert report.verdict(result) == 0


def test_a_slow_fact_waits_for_full() -> None:
    slow = fact("V90", Measured(-20), slow=True)
    assert verdict(slow).verdict == "not run"
    assert "--full" in verdict(slow).remark
    assert verdict(slow, slow=True).verdict == "pass"


def test_a_gap_in_a_pure_number_has_no_unit() -> None:
    ratio = Expected("ratio", 1, 2, "1")
    result = verdict(fact("V90", Measured(3.5), use="known gap", expected=[ratio]))
    assert result.remark == "ratio is 1.5 off"


def test_a_run_that_breaks_down_fails_its_fact_only() -> None:
    def broken(_: Lab) -> list[Measured]:
        raise RunError("stopped in step 3: osteoclasts are negative")

    bad = Fact("V90", "text", "study", "predicted", "mouse", (CHANGE,), broken)
    first, second = judge([bad, fact("V91", Measured(-20))], Lab(), slow=False)
    assert (first.verdict, first.got) == ("FAIL", ())
    assert "stopped in step 3" in first.remark
    assert second.verdict == "pass"
    assert "stopped in step 3" in report.markdown([first], Lab(), full=False)


def test_facts_are_chosen_by_id() -> None:
    assert [each.id for each in chosen(FACTS, ["v22", "V03"])] == ["V03", "V22"]
    assert chosen(FACTS, None) == FACTS
    with pytest.raises(InputError, match="no fact 'V99': they are V01 to V46"):
        chosen(FACTS, ["V99"])


def test_the_command_prints_and_tells_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = fact("V01", Measured(-20, 0.05))
    gap = fact("V02", Measured(-50), use="known gap")
    bad = fact("V03", Measured(-5), use="calibrated")
    left = Fact("V04", "text", "study", "numerics", reason="no such microscope")
    monkeypatch.setattr("tissue.verification.table.FACTS", (good, gap, bad, left))
    table = tmp_path / "table.md"

    assert main(["verify", "--only", "V01", "V02", "V04"]) == 0
    assert main(["verify", "--markdown", str(table)]) == 1
    told = capsys.readouterr().out
    assert "V01  pass       predicted   what was found (study, mouse)" in told
    assert "change of BV/TV: -30 to -10 %; got -20 +- 0.05 %" in told
    assert "V03  FAIL" in told
    assert "0 of 1 calibrated, 1 of 1 predicted, 0 of 0 numerics, 0 of 0 traj" in told
    assert "facts hold; 1 known gaps; 1 not run" in told

    text = table.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| V")]
    assert [row.count(" | ") for row in rows] == [6, 6, 6, 6]
    assert rows[0].endswith("| -20 +- 0.05 % | pass |")
    assert rows[1].endswith("| known gap: change of BV/TV is 20 % off |")
    assert rows[2].endswith("| -5 % | FAIL |")
    assert rows[3].endswith("| no such microscope | not run |")

    assert main(["verify", "--only", "V77"]) == 2


def test_errors_of_measured_numbers_add() -> None:
    a, b = Measured(6.0, 0.3), Measured(-2.0, 0.1)
    assert a.minus(b) == pytest.approx((8.0, 0.4))
    assert a.times(-2) == pytest.approx((-12.0, 0.6))
    # 5 % and 5 % of -3
    assert a.over(b) == pytest.approx((-3.0, 0.3))
    assert np.isnan(a.over(Measured(0.0)).value)


@pytest.mark.parametrize(("species", "surface"), [("mouse", 55), ("human", 18)])
def test_bones_have_the_surface_of_the_species(species: str, surface: float) -> None:
    made = bone(species)
    assert list(made.grid.shape) == BONES[species]["shape"]
    share = made.bone_volume_fraction
    area = 1000 * float(specific_surface(jnp.asarray(share), made.grid.spacing).sum())
    assert area / share.sum() == pytest.approx(surface, rel=0.05)


@pytest.mark.slow
def test_the_facts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["verify", "--full"])
    told = capsys.readouterr().out
    assert code == 0, [line for line in told.splitlines() if "FAIL" in line]


@pytest.mark.slow
def test_a_simulation_goes_on_where_another_ended() -> None:
    lab, disease = Lab(), {"il1_excess": "10 pM"}
    first = lab.run("mouse", 7, every=7, disease=disease)
    assert lab.run("mouse", 7, every=7, disease=disease) is first
    both = lab.run("mouse", 14, after=first, every=7, disease=disease)
    whole = lab.run("mouse", 14, every=7, disease=disease)
    assert both.times[-1] == 14
    assert np.all(np.diff(both.times) > 0)
    assert both.change(14).value == pytest.approx(whole.change(14).value, abs=0.05)
