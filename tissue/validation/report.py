"""Verdicts on the findings, on the screen and as a page of the documentation."""

import math
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from tissue.validation.findings import Expected, Result, Suite
from tissue.validation.simulations import TIGHTER, Estimate, SimulationCache
from tissue.version import __version__

HEADS = ("finding", "source", "use", "run on", "expected", "computed", "verdict")


def lines(result: Result) -> Iterator[str]:
    """A finding and its quantities, for the screen."""
    finding = result.finding
    source = f"{finding.source}, {finding.bone}" if finding.bone else finding.source
    yield f"{finding.id}  {result.verdict:9s}  {finding.use:10s}  {finding.text} ({source})"
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
    for use in dict.fromkeys(
        each.finding.use for each in results if each.finding.use != "known gap"
    ):
        run = [each for each in results if each.finding.use == use and each.verdict != "not run"]
        passed = sum(each.verdict == "pass" for each in run)
        parts.append(f"{passed} of {len(run)} {use}")
    gaps = sum(each.verdict == "known gap" for each in results)
    left_out = sum(each.verdict == "not run" for each in results)
    counted = f"{', '.join(parts)} findings are reproduced; " if parts else ""
    return f"{counted}known gaps: {gaps}; not run: {left_out}"


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
            f"Written by `{command} --markdown {page}` ({made}). {suite.method}",
            "",
            "An error behind +- is that of the solver; where only a sign or an order counts, the "
            "effect must exceed it tenfold. The error of BV/TV is the sum of the estimates of all "
            "steps; that of cells and rates is the difference from a run with an allowed error "
            f"{TIGHTER:g} times smaller than {cache.accuracy:.2%}{_solver_errors(cache)}.",
            "",
            suite.notes,
            "",
            f"**{summary(results)}.**",
            "",
            f"| {' | '.join(HEADS)} |",
            f"|{'---|' * len(HEADS)}",
            *(f"| {' | '.join(_cells(each))} |" for each in results),
            "",
        ]
    )


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
    return text, finding.source, finding.use, finding.bone, expected, computed, verdict
