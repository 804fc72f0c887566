"""Measurements of a machine; no test depends on how fast this one is."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax.numpy as jnp
import pytest

from tissue.bench import measurement, tasks
from tissue.bench.measurement import Measurement, Plan, measurements
from tissue.bench.tasks import Task
from tissue.bench.timing import Timing, timed
from tissue.simulation import speed
from tissue.simulation.speed import Speed

STEP = Speed(shape=(10, 10, 10), steps=3, seconds=2e-3, shortest=1e-3, longest=3e-3, start=5.0)
KERNELS_AND_STEP = (measurement.KERNELS, measurement.STEP)


def named(rows: Iterator[Measurement | Speed]) -> dict[str, Measurement]:
    return {row.name: row for row in rows if isinstance(row, Measurement)}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kernels, one of which cannot run, and no solver or model."""

    def broken() -> Task:
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes")

    made: dict[str, Callable[[], Task]] = {
        "broken": broken,
        "sum": lambda: Task(lambda x: x + 1, (jnp.ones(1000),), 2, fields=3, times=4),
    }
    monkeypatch.setattr(measurement, "tasks", lambda phi: made)
    monkeypatch.setattr(measurement, "bone", lambda edge: jnp.ones((edge,) * 3))
    monkeypatch.setattr(speed, "measure", lambda config, bone: STEP)


def test_rates_follow_from_times_and_sizes() -> None:
    # 1000 voxels of 3 fields in 2 ms: 1.5 million a second; 2 x 4 B of each: 4 MB/s of 8 MB/s
    task = Task(lambda: None, (), words=2, fields=3)
    row = measurement.kernel_row(task, Timing("it", 2.0, 1.5, 3.0, 2.0), 10, bandwidth=8e-3)
    assert (row.milliseconds, row.shortest, row.longest) == (2.0, 1.5, 3.0)
    assert row.million_updates_per_s == pytest.approx(1.5)
    assert row.bandwidth_percent == pytest.approx(50)
    assert measurement.kernel_row(task._replace(words=0), Timing("it", 2.0, 1, 3, 2), 10, 1.0) == (
        Measurement("it", 10, 2.0, 1, 3, row.million_updates_per_s)
    )


def test_one_of_several_passes_takes_its_part_of_the_time() -> None:
    assert Timing("it", 8.0, 4.0, 12.0, 16.0).shared_by(4) == Timing("it", 2.0, 1.0, 3.0, 4.0)


def test_tasks_are_repeated_in_turn() -> None:
    order: list[str] = []
    times = timed({name: partial(order.append, name) for name in "ab"}, repeats=2)
    assert order == ["a", "b"] * 3  # once to warm up
    assert all(t.low <= t.median <= t.high for t in times.values())


def test_a_part_that_fails_is_a_row_with_its_reason(small: None) -> None:
    rows = named(measurements(Plan((10,), 10.0, repeats=1, parts=KERNELS_AND_STEP)))
    assert list(rows) == ["broken", "sum", measurement.COUPLING_STEP]
    assert rows["broken"].milliseconds is None
    assert rows["broken"].reason == "out of memory"
    assert rows["sum"].milliseconds is not None
    assert rows[measurement.COUPLING_STEP].milliseconds == 2.0
    assert rows[measurement.COUPLING_STEP].million_updates_per_s == pytest.approx(0.5)


def test_a_step_of_the_model_comes_with_its_speed(small: None) -> None:
    plan = Plan((10,), 10.0, parts=[measurement.STEP])
    assert [row for row in measurements(plan) if isinstance(row, Speed)] == [STEP]


def test_finite_elements_that_fail_are_rows_too(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "bone", lambda edge: jnp.zeros((edge,) * 3))
    rows = named(measurements(Plan((10,), 10.0, parts=[measurement.ELEMENTS])))
    assert list(rows) == [
        measurement.ELASTIC_SET_UP,
        measurement.ELASTIC_ITERATION,
        measurement.THREE_AXES,
    ]
    assert all(row.milliseconds is None and row.reason for row in rows.values())
    assert "does not reach both ends" in rows[measurement.THREE_AXES].reason


def test_a_grid_that_does_not_fit_is_left_out(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "usable_memory", lambda: 1_000_000_000)
    monkeypatch.setattr(
        measurement, "memory_here", lambda config, shape, share: 2e9 if shape[0] > 8 else 1e6
    )
    rows = list(measurements(Plan((8, 10), 10.0, repeats=1, parts=KERNELS_AND_STEP)))
    last = rows[-1]
    assert isinstance(last, Measurement)
    assert (last.name, last.edge, last.milliseconds) == (measurement.GRID, 10, None)
    assert last.reason == "a run needs about 2 GB, and 1 GB are usable"


def test_an_iteration_is_the_difference_of_two_solves(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {measurement.LOOSE: 0.5, measurement.TIGHT: 2.1}
    iterations = {measurement.LOOSE: 2, measurement.TIGHT: 10}
    monkeypatch.setattr(measurement, "clocked", lambda task: (None, seconds[task.args[0]], 0.0))
    row = measurement.iteration_row("it", 8, lambda tolerance: iterations[tolerance])
    assert row.milliseconds == pytest.approx(200)
    with pytest.raises(ValueError, match="takes no more iterations"):
        measurement.iteration_row("it", 8, lambda tolerance: 3)


def test_every_kernel_runs_and_counts_its_bytes() -> None:
    made: dict[str, Any] = {name: make() for name, make in tasks.tasks(tasks.bone(16)).items()}
    assert {"residual sweep", "V-cycle", tasks.EXPLICIT_STEP, tasks.ELASTIC_OPERATOR} <= set(made)
    free = [name for name, task in made.items() if not task.words]
    assert free == ["diffusion along surface, 3 fields"]
    task = made[tasks.ELASTIC_OPERATOR]
    forces = task.run(*task.arguments)
    assert forces.shape == (17, 3, 17, 17)
    assert float(abs(forces).max()) > 0
