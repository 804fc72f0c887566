"""Facts that the model is held to: what is expected, what it gives, and the verdict."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tissue.errors import InputError, RunError
from tissue.verification.lab import Lab, Measured

Use = Literal["calibrated", "predicted", "numerics", "trajectory", "known gap"]
Verdict = Literal["pass", "FAIL", "known gap", "not run"]

RESOLVED = 10.0
"""An effect of which only the sign or the order counts must exceed the error of the solver by this
factor: below it shows nothing."""


class Expected(NamedTuple):
    """A quantity and where it should lie.

    Attributes:
        what: it is.
        low, high: bounds; infinite where there is none.
        unit: of all three numbers.
        order: only sign or order counts, and must be resolved: the value has to lie inside by
            ten times its error.
    """

    what: str
    low: float
    high: float
    unit: str
    order: bool = False

    def holds(self, got: Measured) -> bool:
        """The value lies where it should; a NaN does not."""
        margin = RESOLVED * got.error if self.order else 0.0
        return self.low + margin <= got.value <= self.high - margin

    def distance(self, got: Measured) -> float:
        """How far outside the value lies; 0 inside."""
        return max(self.low - got.value, got.value - self.high, 0.0)

    @property
    def suffix(self) -> str:
        """The unit as it follows a number; nothing for a pure one."""
        return "" if self.unit == "1" else f" {self.unit}"

    @property
    def range(self) -> str:
        """The bounds in words."""
        unit = self.suffix
        if math.isinf(self.low) and math.isinf(self.high):
            return "for comparison"
        if math.isinf(self.high):
            return f"above {self.low:g}{unit}"
        if math.isinf(self.low):
            return f"below {self.high:g}{unit}"
        return f"{self.low:g} to {self.high:g}{unit}"


@dataclass(frozen=True)
class Fact:
    """Something measured or proved that the model should show.

    Attributes:
        id: V01 to V46, or T01 to T04 for trajectories of other models.
        text: what was found, and in whom.
        source: where, and how well it is known to us.
        use: whether parameters were calibrated on it, whether it is predicted, about numerics
            only, the shape of another model's trajectory, or known not to be reproduced.
        bone: what it is run on: species and mechanostat.
        expected: the quantities.
        check: gives their values, in the same order.
        reason: why it is not run, where it is not.
        slow: run on request only.
    """

    id: str
    text: str
    source: str
    use: Use
    bone: str = ""
    expected: tuple[Expected, ...] = ()
    check: Callable[[Lab], Sequence[Measured]] | None = None
    reason: str = ""
    slow: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a fact.

    Attributes:
        fact: it is about.
        got: values of its quantities; none where it was not run or the run failed.
        verdict: in a word.
        remark: why it was not run, or what went wrong.
    """

    fact: Fact
    got: tuple[Measured, ...]
    verdict: Verdict
    remark: str = ""

    @property
    def counted(self) -> bool:
        """The fact was run and speaks for or against the model."""
        return self.verdict in ("pass", "FAIL")


def chosen(facts: Sequence[Fact], only: Sequence[str] | None) -> tuple[Fact, ...]:
    """The facts with the ids of `only`; all without it.

    Raises:
        InputError: there is no fact of that id.
    """
    if only is None:
        return tuple(facts)
    known = {fact.id for fact in facts}
    for name in only:
        if name.upper() not in known:
            raise InputError(
                f"there is no fact {name!r}: they are V01 to V46, and T01 to T04 for trajectories"
            )
    wanted = {name.upper() for name in only}
    return tuple(fact for fact in facts if fact.id in wanted)


def judge(facts: Sequence[Fact], lab: Lab, *, slow: bool) -> Iterator[Result]:
    """Runs the facts, one after the other.

    Args:
        facts: to run.
        lab: that makes the simulations.
        slow: run those that take long, too.
    """
    for fact in facts:
        if fact.check is None:
            yield Result(fact, (), "not run", fact.reason)
        elif fact.slow and not slow:
            yield Result(fact, (), "not run", "takes long: tissue verify --full runs it")
        else:
            yield _result(fact, fact.check, lab)


def _result(fact: Fact, check: Callable[[Lab], Sequence[Measured]], lab: Lab) -> Result:
    try:
        got = tuple(check(lab))
    except (InputError, RunError) as error:
        return Result(fact, (), "FAIL", str(error))
    holds = [each.holds(value) for each, value in zip(fact.expected, got, strict=True)]
    if fact.use == "known gap":
        return Result(fact, got, "known gap", _gap(fact.expected, got))
    return Result(fact, got, "pass" if all(holds) else "FAIL", _missed(fact.expected, got))


def _gap(expected: Sequence[Expected], got: Sequence[Measured]) -> str:
    far = [
        f"{each.what} is {distance:.2g}{each.suffix} off"
        for each, value in zip(expected, got, strict=True)
        if (distance := each.distance(value))
    ]
    return "; ".join(far) or "inside the range here"


def _missed(expected: Sequence[Expected], got: Sequence[Measured]) -> str:
    return "; ".join(
        f"{each.what} is not resolved: within ten times its error"
        if each.order and not each.distance(value)
        else f"{each.what} is outside"
        for each, value in zip(expected, got, strict=True)
        if not each.holds(value)
    )
