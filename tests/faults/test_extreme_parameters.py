"""Draws with parameters at the ends of their ranges that once stopped in their first step."""

from collections import Counter

import pytest
from faults.extreme_parameters import drawn, outcome, outcomes

STOPPED = {
    "negative RANKL production": (3, 21),
    "negative RANKL production under anakinra": (5, 93),
    "negative OPG production": (6, 101),
    "neither RANKL nor OPG": (6, 109),
    "no RANKL source": (3, 121),
    "a hundredfold RANKL": (5, 3),
}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "number"), STOPPED.values(), ids=STOPPED)
def test_draws_that_stopped_finish(seed: int, number: int) -> None:
    assert outcome(drawn(number, seed)).kind == "finished"


@pytest.mark.slow
def test_nearly_all_draws_finish() -> None:
    counts = Counter(found.kind for _, found in outcomes(126, 6))
    assert counts["finished"] >= 124
