"""The tutorial does what it says, line by line."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    shutil.copytree(ROOT / "runs" / "data", tmp_path / "runs" / "data")
    tool = tmp_path / "bin" / "tissue"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tissue "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    known = {"PATH": f"{tool.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for block in BLOCKS:
        done = subprocess.run(
            ["sh", "-e", "-c", block],
            cwd=tmp_path,
            env=os.environ | known,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
    assert (tmp_path / "both.html").stat().st_size > 1e6
    assert (tmp_path / "figures" / "curves.pdf").is_file()
    image = tmp_path / "runs/out/mine/export"
    assert [path.name.endswith(".nii.gz") for path in image.iterdir()] == [True]


def test_it_has_all_its_steps() -> None:
    assert len(BLOCKS) == 7
