"""Findings that the model should reproduce: the expected range, the computed value, the verdict."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tissue.errors import InputError, RunError
from tissue.validation.simulations import Estimate, SimulationCache

Use = Literal[
    "restated",
    "calibrated",
    "semi-independent",
    "predicted",
    "numerics",
    "trajectory",
    "known gap",
]
USES: Mapping[Use, str] = {
    "restated": "built from the source that it is tested on, or an identity of the equations",
    "calibrated": "parameters were fitted to it",
    "semi-independent": "only a sign, an order or a wide range, or parameters were fitted to the "
    "same biology",
    "predicted": "a number that no parameter was fitted to, with the error of the data",
    "numerics": "about the numerics only",
    "trajectory": "the shape of another model's trajectory",
    "known gap": "known not to be reproduced, for want of a mechanism",
}
"""Kinds of findings and their meaning."""
Verdict = Literal["pass", "FAIL", "known gap", "not run"]

RESOLVED = 10.0
"""Least size of an effect over the error of the solver, where only its sign or order counts [1]."""


class Expected(NamedTuple):
    """A quantity and the range in which its value should lie.

    Attributes:
        quantity: its name.
        low, high: bounds; infinite where there is none.
        unit: of all three numbers.
        order: only sign or order counts, and must be resolved: the value has to lie inside by
            ten times its error.
    """

    quantity: str
    low: float
    high: float
    unit: str
    order: bool = False

    def contains(self, computed: Estimate) -> bool:
        """Whether the value lies in the range; a NaN does not."""
        margin = RESOLVED * computed.error if self.order else 0.0
        return self.low + margin <= computed.value <= self.high - margin

    def distance(self, computed: Estimate) -> float:
        """Distance of the value from the range; 0 inside."""
        return max(self.low - computed.value, computed.value - self.high, 0.0)

    def misfit(self, computed: Estimate) -> float:
        """Distance of the value from the range over half the width of it [1].

        A range with one bound has that bound for its half width; where the bound is zero, or the
        value is not a number, the misfit is infinite.
        """
        if math.isnan(computed.value):
            return math.inf
        bounds = [abs(bound) for bound in (self.low, self.high) if not math.isinf(bound)]
        half = (self.high - self.low) / 2 if len(bounds) == 2 else min(bounds, default=math.inf)
        distance = self.distance(computed)
        if half:
            return distance / half
        return math.inf if distance else 0.0

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


def above_zero(quantity: str, unit: str = "1") -> Expected:
    """A quantity that must be above zero, resolved."""
    return Expected(quantity, 0, math.inf, unit, order=True)


def below_zero(quantity: str, unit: str = "1") -> Expected:
    """A quantity that must be below zero, resolved."""
    return Expected(quantity, -math.inf, 0, unit, order=True)


@dataclass(frozen=True)
class ReferenceFinding:
    """A result of an experiment, a trial, another model or a proof that the model should reproduce.

    Attributes:
        id: V and two digits, or T and two digits for trajectories of other models.
        text: the finding and the species or patients.
        source: the publication, and whether its abstract was read or is remembered.
        use: part that it played in the choice of parameters, one of `USES`.
        bone: species and mechanostat of the simulated bone.
        expected: the quantities.
        compute: function that gives their values, in the same order.
        observable: what was measured, where the quantities do not say it.
        reason: why it is not run, where it is not; the mechanism that is missing, of a known gap.
        slow: run with `--full` only.
    """

    id: str
    text: str
    source: str
    use: Use
    bone: str = ""
    expected: tuple[Expected, ...] = ()
    compute: Callable[[SimulationCache], Sequence[Estimate]] | None = None
    observable: str = ""
    reason: str = ""
    slow: bool = False


class Suite(NamedTuple):
    """The findings of one command and the page about them.

    Attributes:
        command: of `tissue` that runs them.
        title: of the page.
        method: paragraph about how they are run.
        notes: paragraphs below it.
        findings: in the order of the page.
    """

    command: str
    title: str
    method: str
    notes: str
    findings: tuple[ReferenceFinding, ...]


@dataclass(frozen=True)
class Result:
    """The outcome of a finding.

    Attributes:
        finding: the one that was run or left out.
        computed: values of its quantities; none where it was not run or the run failed.
        verdict: in a word.
        remark: why it was not run, or what went wrong.
    """

    finding: ReferenceFinding
    computed: tuple[Estimate, ...]
    verdict: Verdict
    remark: str = ""

    @property
    def worst(self) -> tuple[float, Expected, Estimate] | None:
        """The quantity that lies farthest outside its range, with its misfit [1]; None if none."""
        pairs = zip(self.finding.expected, self.computed, strict=False)
        outside = [(each.misfit(value), each, value) for each, value in pairs]
        far = max(outside, key=lambda each: each[0], default=None)
        return far if far and far[0] else None


def selected(
    suite: Suite, only: Sequence[str] | None, other: Suite
) -> tuple[ReferenceFinding, ...]:
    """The findings of a suite with the ids of `only`; all without it.

    Args:
        suite: to select from.
        only: ids, in either case.
        other: the suite of the other command, to which a message refers for its ids.

    Raises:
        InputError: the suite has no finding of that id.
    """
    wanted = {name.upper() for name in only or ()}
    for name in sorted(wanted - {finding.id for finding in suite.findings}):
        if name in {finding.id for finding in other.findings}:
            raise InputError(f"--only {name}: use tissue {other.command} --only {name}")
        raise InputError(f"--only {name} is not known; it must be among {_ids(suite.findings)}")
    return tuple(each for each in suite.findings if only is None or each.id in wanted)


def _ids(findings: Sequence[ReferenceFinding]) -> str:
    """The ids that exist, with consecutive ones as a range."""
    ranges: list[list[str]] = []
    for name in (finding.id for finding in findings):
        last = ranges[-1][-1] if ranges else ""
        if last[:1] == name[0] and int(last[1:]) + 1 == int(name[1:]):
            ranges[-1][1:] = [name]
        else:
            ranges.append([name])
    return ", ".join(" to ".join(ends) for ends in ranges)


def compare(
    findings: Sequence[ReferenceFinding], cache: SimulationCache, *, slow: bool
) -> Iterator[Result]:
    """Runs findings one after the other and compares the values with the expected ranges.

    Args:
        findings: to run.
        cache: makes the simulations.
        slow: also run those that take long.
    """
    for finding in findings:
        if finding.compute is None:
            yield Result(finding, (), "not run", finding.reason)
        elif finding.slow and not slow:
            yield Result(finding, (), "not run", "takes long: --full runs it")
        else:
            yield _result(finding, finding.compute, cache)


def _result(
    finding: ReferenceFinding,
    compute: Callable[[SimulationCache], Sequence[Estimate]],
    cache: SimulationCache,
) -> Result:
    try:
        computed = tuple(compute(cache))
    except (InputError, RunError) as error:
        return Result(finding, (), "FAIL", str(error))
    pairs = list(zip(finding.expected, computed, strict=True))
    if finding.use == "known gap":
        remark = f"{_gap(pairs)}; missing: {finding.reason}"
        return Result(finding, computed, "known gap", remark)
    passed = all(each.contains(value) for each, value in pairs)
    return Result(finding, computed, "pass" if passed else "FAIL", _missed(pairs))


def _gap(pairs: Sequence[tuple[Expected, Estimate]]) -> str:
    far = [
        f"{each.quantity} is {distance:.2g}{each.suffix} off"
        for each, value in pairs
        if (distance := each.distance(value))
    ]
    return "; ".join(far) or "inside the range here"


def _missed(pairs: Sequence[tuple[Expected, Estimate]]) -> str:
    return "; ".join(
        f"{each.quantity} is not resolved: within ten times its error"
        if each.order and not each.distance(value)
        else f"{each.quantity} is outside"
        for each, value in pairs
        if not each.contains(value)
    )
