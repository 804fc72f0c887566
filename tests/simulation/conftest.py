from pathlib import Path

import pytest
from simulation.diseased_run import diseased

from tissue.analysis import summary
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.run import run
from tissue.simulation.simulation import load_geometry
from tissue.simulation.step_report import Record
from tissue.storage.results import Run

TINY = Path(__file__).parents[1] / "tiny.toml"


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_WIDTH", 60)


@pytest.fixture(scope="session")
def tiny() -> RunConfig:
    """Four steps, snapshots after every second; geometry is made once."""
    return read_run_file(TINY)


@pytest.fixture(scope="session")
def records() -> list[Record]:
    """Records that the watcher of `finished` received."""
    return []


@pytest.fixture(scope="session")
def finished(
    tiny: RunConfig, records: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "with a space" / "tiny"
    return run(tiny, folder, geometry=load_geometry(tiny), watch=records.append)


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Finished diseased run, which tests must not change."""
    return run(diseased(), tmp_path_factory.mktemp("complete"))
