"""The page on large grids shows what the forecast says."""

from docs_script import DOCS
from page_tables import assert_shown, row

from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation.cost import MEMORY_MARGIN, gpu_memory
from tissue.simulation.gpus import (
    BETWEEN_COMPUTERS,
    DEVICES,
    GPUS_IN_A_COMPUTER,
    IN_A_COMPUTER,
    JAX_FRACTION,
    STEP_MESSAGES,
    slab_step_time,
    slabs_of,
)
from tissue.simulation.text import size

TEXT = (DOCS / "scale.md").read_text(encoding="utf-8")
PLANS = ((512, 1), (512, 4), (512, 8), (1024, 4), (1024, 8), (1024, 32), (2048, 64), (4096, 512))
H100 = DEVICES["h100"]


def plan_table() -> str:
    """Grids on H100s: memory, messages and time of a step."""
    heads = (
        *("grid", "GPUs", "planes of a slab", "levels in slabs", "memory of each", "fits"),
        *("messages a step", "sent each way", "of it the density", "step", "weak", "strong"),
    )
    rows = [row(heads), "|" + "---|" * len(heads)]
    config = read_run_file(examples()["human"])
    for edge, devices in PLANS:
        cut = slabs_of((edge,) * 3, devices)
        need, step = gpu_memory(config, cut), slab_step_time(H100, cut)
        alone = slab_step_time(H100, slabs_of((edge,) * 3, 1)).total
        weak = slab_step_time(H100, cut._replace(devices=1)).total / step.total
        fits = need * MEMORY_MARGIN <= JAX_FRACTION * H100.memory
        cells = (
            *(f"{edge}^3", f"{devices}", f"{cut.planes}", f"{cut.levels}", size(need)),
            *("yes" if fits else "no", f"{step.number:.0f}", size(int(step.bytes))),
            *(size(int(step.visiting)), f"{1e3 * step.total:.0f} ms"),
            *(f"{weak:.2f}", f"{alone / step.total / devices:.2f}"),
        )
        rows.append(row(cells))
    return "\n".join(rows)


def test_its_table_is_what_is_predicted() -> None:
    assert_shown("scale.md", "plans", plan_table())


def test_it_says_that_it_is_a_plan() -> None:
    assert TEXT.count("**Plan, nothing measured.**") == 2
    assert "(prediction)" in TEXT


def test_its_assumptions_are_those_of_the_forecast() -> None:
    near, far = IN_A_COMPUTER, BETWEEN_COMPUTERS
    text = " ".join(TEXT.split())
    assert f"{1e6 * near.message:g} us and {near.bandwidth / 1e9:g} GB/s" in text
    assert f"{1e6 * far.message:g} us and {far.bandwidth / 1e9:g} GB/s" in text
    assert f"{GPUS_IN_A_COMPUTER} GPUs of one computer" in text
    m = STEP_MESSAGES
    assert f"{m.planes} + {m.planes_a_level} a level in slabs + {m.sums + m.gathers}" in text
    assert f"{m.finest} planes outside of multigrid and {m.multigrid} on the finest level" in text
