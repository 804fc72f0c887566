"""Verdicts on the findings, on the screen and as a page of the documentation."""

import math
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from tissue.validation.findings import USES, Expected, Result, Suite, Use, Verdict
from tissue.validation.simulations import TIGHTER, Estimate, SimulationCache
from tissue.version import __version__

HEADS = ("finding", "source", "use", "measured", "run on", "expected", "computed", "verdict")


def lines(result: Result) -> Iterator[str]:
    """A finding and its quantities, for the screen."""
    finding = result.finding
    source = f"{finding.source}, {finding.bone}" if finding.bone else finding.source
    yield f"{finding.id}  {result.verdict:9s}  {finding.use:16s}  {finding.text} ({source})"
    for expected, computed in zip(finding.expected, result.computed, strict=False):
        value = number(expected, computed)
        yield f"       {expected.quantity}: expected {expected.range}, computed {value}"
    if result.remark:
        yield f"       {result.remark}"


def number(expected: Expected, computed: Estimate) -> str:
    """A value with the error of the solver, where it has one."""
    if math.isinf(computed.value):
        return "not within the run"
    error = f" +- {computed.error:.1g}" if computed.error else ""
    return f"{computed.value:.3g}{error}{expected.suffix}"


def summary(results: Sequence[Result]) -> str:
    """Numbers of findings that are reproduced, by use."""
    parts = []
    for use in _uses(results):
        if use == "known gap":
            continue
        run = [each for each in results if each.finding.use == use and each.verdict != "not run"]
        passed = sum(each.verdict == "pass" for each in run)
        parts.append(f"{passed} of {len(run)} {use}")
    gaps = sum(each.verdict == "known gap" for each in results)
    left_out = sum(each.verdict == "not run" for each in results)
    counted = f"{', '.join(parts)} findings are reproduced; " if parts else ""
    return f"{counted}known gaps: {gaps}; not run: {left_out}"


def _uses(results: Sequence[Result]) -> list[Use]:
    """Uses of findings, in the order of their table."""
    there = {each.finding.use for each in results}
    return [use for use in USES if use in there]


def _counts(results: Sequence[Result]) -> Iterator[str]:
    """Table of the kinds of findings: their meaning, and how many have each verdict."""
    verdicts: tuple[Verdict, ...] = ("pass", "FAIL", "known gap", "not run")
    yield f"| use | meaning | {' | '.join(verdicts)} |"
    yield f"|{'---|' * (2 + len(verdicts))}"
    for use in _uses(results):
        of_use = [each.verdict for each in results if each.finding.use == use]
        numbers = " | ".join(str(of_use.count(verdict)) for verdict in verdicts)
        yield f"| {use} | {USES[use]} | {numbers} |"


def misses(results: Sequence[Result]) -> Iterator[str]:
    """Findings that fail or are known gaps, the farthest from its range first."""
    missed = [
        (*result.worst, result)
        for result in results
        if result.verdict in ("FAIL", "known gap") and result.worst
    ]
    for misfit, expected, computed, result in sorted(missed, key=lambda each: -each[0]):
        bound = "beyond the only bound, zero"
        far = bound if math.isinf(misfit) else f"{misfit:.2g} half widths off"
        value = number(expected, computed)
        name = f"{result.finding.id} ({result.verdict})"
        yield f"{name}: {expected.quantity} is {value}, expected {expected.range}; {far}"
    for result in results:
        if result.verdict == "FAIL" and not result.worst:
            yield f"{result.finding.id} (FAIL): {result.remark}"


def markdown(suite: Suite, results: Sequence[Result], cache: SimulationCache, full: bool) -> str:
    """The page of a suite."""
    command = f"tissue {suite.command}{' --full' if full else ''}"
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "numpy"))
    day = datetime.now(UTC).date().isoformat()
    made = f"{day}, tissue {__version__}, Python {platform.python_version()}, {packages}"
    page = f"docs/{'validation' if suite.command == 'validate' else 'verification'}.md"
    return "\n".join(
        [
            f"# {suite.title}",
            "",
            f"**{summary(results)}.**",
            "",
            *_counts(results),
            "",
            *_worst(results),
            f"Written by `{command} --markdown {page}` ({made}). {suite.method}",
            "",
            "An error behind +- is that of the solver only: it says nothing of the parameters, "
            "which are known far less well and move these numbers by far more when they vary "
            "within their ranges. Where only a sign or an order counts, the effect must exceed "
            "the error of the solver tenfold. The error of BV/TV is the sum of the estimates of "
            "all steps; that of cells and rates is the difference from a run with an allowed error "
            f"{TIGHTER:g} times smaller than {cache.accuracy:.2%}{_solver_errors(cache)}.",
            "",
            suite.notes,
            "",
            f"| {' | '.join(HEADS)} |",
            f"|{'---|' * len(HEADS)}",
            *(f"| {' | '.join(_cells(each))} |" for each in results),
            "",
        ]
    )


def _worst(results: Sequence[Result]) -> Iterator[str]:
    """List of what is missed most, with its heading."""
    found = list(misses(results))
    if found:
        yield "Farthest from the data, by distance over half the width of the range:"
        yield ""
        yield from (f"- {each}" for each in found)
        yield ""


def _solver_errors(cache: SimulationCache) -> str:
    parts = [
        f"{species} {cells:.2%} of cells and rates, {bone:.2g} points of BV/TV where the steps "
        f"estimated {estimated:.2g}"
        for species, (cells, bone, estimated) in cache.solver_errors.items()
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def _cells(result: Result) -> Iterable[str]:
    finding = result.finding
    pairs = list(zip(finding.expected, result.computed, strict=False))
    expected = "<br>".join(f"{each.quantity}: {each.range}" for each in finding.expected)
    computed = "<br>".join(number(each, value) for each, value in pairs) or result.remark
    gap = f": {result.remark}" if result.verdict == "known gap" else ""
    text = f"{finding.id}: {finding.text}"
    verdict = f"{result.verdict}{gap}"
    return (
        text,
        finding.source,
        finding.use,
        finding.observable,
        finding.bone,
        expected,
        computed,
        verdict,
    )
