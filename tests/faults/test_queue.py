"""One command starts a run and goes on with it, however often it is killed."""

from pathlib import Path

import pytest
from faults.play_queue import Queue, played


def test_a_run_that_is_killed_is_queued_again_until_it_is_finished(tmp_path: Path) -> None:
    # this seed lets it write a checkpoint first
    assert played(Queue(tmp_path, drawing=False), kills=1, seed=2)["kills"] == 1


@pytest.mark.slow
def test_ten_kills_by_signals_and_time_limits_lose_nothing(tmp_path: Path) -> None:
    assert played(Queue(tmp_path), kills=10, seed=2)["kills"] == 10
