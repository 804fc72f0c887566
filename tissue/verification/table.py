"""The findings of `tissue verify`, one entry each."""

from math import inf

from tissue.validation.findings import Expected, ReferenceFinding, Suite, above_zero, below_zero
from tissue.validation.table import HUMAN, MOUSE
from tissue.verification import numerics, pharmacokinetics, trajectories

FINDINGS: tuple[ReferenceFinding, ...] = (
    ReferenceFinding(
        "V25",
        "anakinra under the skin",
        "label, read",
        "numerics",
        "no bone",
        (
            Expected("half-life", 4, 6, "h"),
            Expected("time of the peak", 3, 7, "h"),
            Expected("bioavailability", 94, 96, "%"),
        ),
        pharmacokinetics.anakinra_kinetics,
    ),
    ReferenceFinding(
        "V26",
        "the mean signal of a day on anakinra is twice that at the mean drug, IL-1 5 pM",
        "computed",
        "numerics",
        "no bone",
        (
            Expected("mean signal over that at the mean drug", 1.6, 2.4, "1"),
            Expected("signal of a step of a day over the mean", 0.98, 1.02, "1"),
        ),
        pharmacokinetics.one_day_step,
    ),
    ReferenceFinding(
        "V43",
        "area of a ball: voxel faces 1.50, gradient of a binary image 1.09 of the true one",
        "computed",
        "numerics",
        "a ball",
        (
            Expected("area as in the model over the true one", 0.97, 1.03, "1"),
            Expected("gradient of a binary image", 1.05, 1.15, "1"),
            Expected("voxel faces", 1.45, 1.55, "1"),
        ),
        numerics.area,
    ),
    ReferenceFinding(
        "V44",
        "a ball of 150 um eroded to 90 um moves at the prescribed speed",
        "computed",
        "numerics",
        "a ball",
        tuple(
            Expected(f"speed over the prescribed one, voxels of {h} um", 0.95, 1.05, "1")
            for h in (20, 10, 5)
        ),
        numerics.velocity,
    ),
    ReferenceFinding(
        "V45",
        "uniform IL-1 of +3.5 pM for 28 days changes bone in space as in the well-mixed limit",
        "computed, by a program written independently",
        "numerics",
        "shrew at 8.2 um, mechanostat off",
        (
            Expected("change of BV/TV less that in the limit", -0.5, 0.5, "points"),
            Expected("osteoclasts over those in the limit", 0.95, 1.05, "1"),
            Expected("osteoblasts over those in the limit", 0.95, 1.05, "1"),
        ),
        numerics.well_mixed_limit,
        slow=True,
    ),
    ReferenceFinding(
        "V46",
        "steps of 1 and 0.5 days shift the loss of 28 days without ovaries by 0.49 and 0.24 points",
        "computed with the well-mixed limit",
        "numerics",
        MOUSE,
        (
            Expected("shift by steps of 1 d", 0, 0.49, "points"),
            Expected("shift by steps of 0.5 d", 0, 0.24, "points"),
        ),
        numerics.splitting,
    ),
    ReferenceFinding(
        "T01",
        "PTH, which raises RANKL, for 60 days: osteoclasts rise at once (4.0 times), osteoblasts "
        "follow 30 days later (2.8 times), and both fall back",
        "Lemaire 2004, run",
        "trajectory",
        "human, mechanostat off",
        (
            above_zero("highest osteoblasts, RANKL x1.5 for 60 d, over before, less 1"),
            above_zero("highest osteoclasts less highest osteoblasts"),
            Expected("half of the rise of osteoblasts after that of osteoclasts", 10, 90, "day"),
            Expected("of the rise of osteoclasts left after 60 d", -0.2, 0.2, "1"),
            Expected("of the rise of osteoblasts left after 120 d", -0.2, 0.5, "1"),
        ),
        trajectories.pulse_of_rankl,
    ),
    ReferenceFinding(
        "T02",
        "a burst of osteoclasts: bone is lowest on day 12, osteoblasts are highest on day 14, and "
        "the bone is regained",
        "Komarova 2003, run",
        "trajectory",
        MOUSE,
        (
            Expected("lowest BV/TV after the most osteoclasts", 2, 36, "day"),
            Expected("most osteoblasts after the most osteoclasts", 2, 42, "day"),
            Expected("regained by day 93", 50, 150, "%"),
        ),
        trajectories.burst_of_osteoclasts,
    ),
    ReferenceFinding(
        "T03",
        "denosumab: osteoblasts fall with osteoclasts (0.37), bone is highest as the effect ends, "
        "then osteoclasts (1.78) and, weeks later, osteoblasts (1.47) overshoot",
        "OpenBoneMin, run",
        "trajectory",
        HUMAN,
        (
            Expected("lowest osteoblasts on denosumab over before", 0, 1, "1", order=True),
            Expected("highest BV/TV after the end of the last effect", -91, 91, "day"),
            above_zero("highest osteoclasts afterwards over before, less 1"),
            above_zero("highest osteoblasts afterwards over before, less 1"),
            Expected("most osteoblasts after the most osteoclasts", 0, 182, "day"),
        ),
        trajectories.denosumab_treatment,
    ),
    ReferenceFinding(
        "T04",
        "estrogen that falls for decades: osteoclasts rise (1.92 times in 20 years), osteoblasts "
        "less (1.45 times), bone is lost throughout (6 to 8 %)",
        "OpenBoneMin, run",
        "known gap",
        HUMAN,
        (
            above_zero("osteoblasts at 20 years over before, less 1"),
            above_zero("osteoclasts less osteoblasts at 20 years, over before"),
            below_zero("change of BV/TV from 10 to 20 years", "%"),
            Expected("change of BV/TV in 20 years (-6 to -8)", -inf, inf, "%"),
        ),
        trajectories.slow_menopause,
        reason="effects of estrogen loss that last: they fall back from two years after its onset "
        "on, before a slow one is complete",
        slow=True,
    ),
)

VERIFICATION = Suite(
    command="verify",
    title="Verification of the numerics",
    method="*Numerics* compares surfaces, steps and drug concentrations with exact solutions, "
    "finer grids and shorter steps, on the bones of [validation.md](validation.md). "
    "*Run on* says whether the mechanostat was on. A known gap is run, and counts as neither "
    "reproduced nor failed.",
    notes="""\
The trajectories (T) are those of other models: which cell comes first, what overshoots, what falls
back. Sizes are not compared, and ranges of times were drawn after both had been seen, a factor of
about three around those of the other model.""",
    findings=FINDINGS,
)
