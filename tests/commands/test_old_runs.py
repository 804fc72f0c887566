"""Results of an older version are shown, although its run file can no longer be run."""

from pathlib import Path
from typing import Any

import pytest
from commands.conftest import TINY, Capture

from tissue.analysis.report import server
from tissue.cli import main

LEFT_OUT = "note: the table of parameters is left out"


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """A run whose run file has a key of 0.1.0."""
    folder = tmp_path / "old"
    assert main(["run", str(TINY), "--quiet", "--out", str(folder)]) == 0
    file = folder / "run.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count("\nil1_repulsion = ") == 1
    file.write_text(text.replace("\nil1_repulsion = ", "\nrepulsion = "), encoding="utf-8")
    return folder


def test_a_report_of_an_old_run_has_no_table_of_parameters(capfd: Capture, old_run: Path) -> None:
    new_run = old_run.with_name("new")
    assert main(["run", str(TINY), "--quiet", "--out", str(new_run)]) == 0
    assert main(["report", str(old_run), str(new_run)]) == 0
    out, err = capfd.readouterr()
    assert out == f"{old_run / 'report.html'}\n"
    assert err.startswith(f"{LEFT_OUT} ({old_run / 'run.toml'}: mechanisms.repulsion")
    assert err.count("\n") == 1
    page = (old_run / "report.html").read_text(encoding="utf-8")
    assert "Parameters with their sources: new" in page
    assert "Parameters with their sources: old" not in page


def test_an_old_run_is_watched(
    capfd: Capture, old_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *given: served.append(given[:3]))
    assert main(["watch", str(old_run), "--port", "0"]) == 0
    assert served == [([old_run], 0, [[]])]
    assert capfd.readouterr().err.startswith(LEFT_OUT)
