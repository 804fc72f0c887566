"""Signals stop a run at any moment without a loss, or request a checkpoint."""

import importlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from simulation.diseased_run import (
    assert_same,
    diseased,
)

from tissue.errors import RunStopped
from tissue.simulation import run as running
from tissue.simulation import run_start
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.signal_handling import SignalHandler
from tissue.simulation.step_report import Record
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run

STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture
def signals_not_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handle signals also where the tests run in the background, which ignores them."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)


@pytest.mark.usefixtures("signals_not_ignored")
@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_a_run_that_can_be_resumed(
    number: signal.Signals, complete: Run, tmp_path: Path
) -> None:
    def at_step_three(record: Record) -> None:
        if record.metrics["time_day"] == 1.5:
            os.kill(os.getpid(), number)

    with pytest.raises(RunStopped, match=f"stopped by {number.name} after step 3, day 1.5"):
        run(diseased(), tmp_path, watch=at_step_three)
    assert read_checkpoint(list_checkpoints(tmp_path)[-1]).step == 3
    run(diseased(), tmp_path, resume="latest")
    assert_same(complete.folder, tmp_path)


PHASES: dict[str, tuple[object, str, str]] = {
    "image": (run_start, "load_geometry", "before the first step: nothing was written"),
    "healthy set-up": (simulating, "healthy_state", "before the first step: nothing was written"),
    "clearing": (running, "clear_folder", "after step 0, day 0"),
    "first step": (simulating, "advance", "in its first step"),
    "indices": (running, "write_indices", ""),
}


@pytest.mark.usefixtures("signals_not_ignored")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGUSR1,
        *(pytest.param(number, marks=pytest.mark.slow) for number in STOPS[1:]),
    ],
)
@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_at_any_moment_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    number: signal.Signals,
    complete: Run,
    tmp_path: Path,
) -> None:
    module, name, outcome = PHASES[phase]
    function = getattr(module, name)

    def signaled(*given: Any, **more: Any) -> Any:
        try:
            os.kill(os.getpid(), number)
        except Exception:  # as code does that turns any failure into bad input
            raise AssertionError from None
        return function(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, signaled)
        if outcome and number != signal.SIGUSR1:
            with pytest.raises(RunStopped, match=f"stopped by {number.name} {outcome}.*--resume"):
                run(diseased(), tmp_path)
        else:
            run(diseased(), tmp_path)
    if "nothing" in outcome and number != signal.SIGUSR1:
        assert list(tmp_path.iterdir()) == []
    run(diseased(), tmp_path, resume="latest")
    assert_same(complete.folder, tmp_path)


@pytest.mark.usefixtures("signals_not_ignored")
def test_signals_are_reported_and_handlers_restored(tmp_path: Path) -> None:
    every = (*STOPS, signal.SIGUSR1)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in every}
    try:
        for _ in range(2):
            with SignalHandler() as signals:
                os.kill(os.getpid(), signal.SIGUSR1)
                os.kill(os.getpid(), signal.SIGTERM)
                assert signals.take_received() == ["SIGUSR1", "SIGTERM"]
                assert signals.take_received() == []
                assert (signals.stop, signals.checkpoint_requested) == (signal.SIGTERM, True)
                os.kill(os.getpid(), signal.SIGTERM)  # a second one changes nothing
                with (
                    pytest.raises(RunStopped, match="SIGTERM here"),
                    signals.raising_on_stop("here"),
                ):
                    raise AssertionError("not reached")
                os.kill(os.getpid(), signal.SIGINT)  # the first of two
                with pytest.raises(KeyboardInterrupt):
                    os.kill(os.getpid(), signal.SIGINT)
                assert signals.stop == signal.SIGTERM
            assert signal.signal(signal.SIGTERM, signal.SIG_DFL) == signal.SIG_DFL
        with SignalHandler(ends_program=True):
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # nothing is left to stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.usefixtures("signals_not_ignored")
@pytest.mark.parametrize("number", STOPS)
def test_a_stop_dropped_by_a_callback_is_raised_again(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    class Collected:
        def __del__(self) -> None:
            os.kill(os.getpid(), number)
            time.sleep(0)  # Python raises here, and drops the exception

    def start() -> None:
        waste: Any = Collected()
        del waste
        time.sleep(20)

    with SignalHandler() as signals, pytest.raises(RunStopped), signals.raising_on_stop("here"):
        start()
    assert signals.take_received() == [number.name]
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("signals_not_ignored")
def test_a_library_that_a_stop_broke_stops_the_run() -> None:
    def imported() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except RunStopped:
            raise RecursionError from None

    with (
        SignalHandler() as signals,
        pytest.raises(RunStopped, match="stopped by SIGTERM here"),
        signals.raising_on_stop("here"),
    ):
        imported()
    with pytest.raises(RecursionError), SignalHandler() as signals, signals.raising_on_stop("here"):
        raise RecursionError


@pytest.mark.usefixtures("signals_not_ignored")
@pytest.mark.parametrize("number", STOPS)
def test_a_stop_in_an_import_waits_for_its_end(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"half_{number.name}.py").write_text(
        "import os, time\n"
        "def ask():\n"
        f"    os.kill(os.getpid(), {number:d})\n"
        "    time.sleep(0.1)\n"
        "ask()\n"
        "whole = True\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded: list[bool] = []

    def start() -> None:
        loaded.append(importlib.import_module(f"half_{number.name}").whole)
        time.sleep(20)

    with SignalHandler() as signals, pytest.raises(RunStopped), signals.raising_on_stop("here"):
        start()
    assert loaded == [True]
    assert signals.take_received() == [number.name]


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalHandler() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.stop is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_usr1_writes_a_checkpoint_and_the_run_continues(tmp_path: Path) -> None:
    def ask(record: Record) -> None:
        if record.metrics["time_day"] == 1.0:
            os.kill(os.getpid(), signal.SIGUSR1)

    rarely = diseased(output={"snapshots": "3 day", "keep_every": 1, "checkpoints": "3 day"})
    made = run(rarely, tmp_path, watch=ask)
    assert made.metrics["time_day"][-1] == 3
    steps = [read_checkpoint(path).step for path in list_checkpoints(tmp_path)]
    assert steps == [0, 3, 6]
