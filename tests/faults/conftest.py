"""The small run, once for all tests that a process runs."""

from pathlib import Path
from typing import NamedTuple

import pytest
from faults.command_result import call_command
from faults.small_run import RUN, complete, nothing_drawn

from tissue.analysis import summary


class Small(NamedTuple):
    """The small run.

    Attributes:
        file: of the run.
        whole: folder of the run that nothing happened to.
    """

    file: Path
    whole: Path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    room = tmp_path_factory.mktemp("small")
    made = Small(room / "small.toml", room / "whole")
    made.file.write_text(RUN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "_drawn", nothing_drawn)
        result = call_command("run", made.file, "--out", made.whole, "--quiet")
    assert result.code == 0, result
    complete(made.whole)
    return made


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process do not draw their last picture, which takes seconds."""
    monkeypatch.setattr(summary, "_drawn", nothing_drawn)
