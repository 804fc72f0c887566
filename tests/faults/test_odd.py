"""Odd files, run files, links and streams: an answer or one sentence, nothing outside touched."""

import shutil
import tempfile
from pathlib import Path

import pytest
from faults import odd_links, odd_run_files, odd_snapshots, odd_streams


@pytest.fixture(scope="module")
def run_of_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return odd_snapshots.run_of_three(tmp_path_factory.mktemp("odd") / "run")


@pytest.mark.parametrize("name", odd_snapshots.OWN)
def test_odd_snapshots_are_read_or_refused(run_of_three: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(run_of_three, tmp_path / "run")
    tries = dict(odd_snapshots.tried(odd_snapshots.OWN[name], folder))
    assert len(tries) == 5
    assert not any(tries.values()), tries


@pytest.mark.parametrize("name", odd_snapshots.TEXTS)
def test_odd_texts_beside_them_are_read_or_refused(
    run_of_three: Path, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(run_of_three, tmp_path / "run")
    tries = dict(odd_snapshots.tried_texts(*odd_snapshots.TEXTS[name], folder))
    assert not any(tries.values()), tries


@pytest.mark.parametrize("name", odd_run_files.OWN)
def test_odd_run_files_are_read_or_refused_at_once(tmp_path: Path, name: str) -> None:
    assert odd_run_files.trouble(odd_run_files.OWN[name], tmp_path) == ""


def test_links_out_of_the_folder_of_a_run_lead_nowhere(tmp_path: Path) -> None:
    whole = odd_links.run_and_more(tmp_path / "whole", odd_links.QUICK)
    names = odd_links.made(whole)
    assert {"metrics.csv", "run.hdf", "summary.png", "report.html"} < set(names)
    cases = [case for there in (True, False) for case in odd_links.together(names, there)]
    for number, case in enumerate(cases):
        assert odd_links.trouble(case, whole, tmp_path / f"{number}") == "", case


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return odd_streams.plain(tmp_path_factory.mktemp("streams") / "run")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*odd_streams.CASES, odd_streams.DEAD_TERMINAL])
def test_a_run_continues_without_a_screen_or_a_home(plain: Path, name: str) -> None:
    if not odd_streams.can_be_made(name):
        pytest.skip("only root can become a user without a name")
    # not in tmp_path, which is closed to other users
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        assert odd_streams.trouble(name, plain, Path(folder) / "run") == ""
