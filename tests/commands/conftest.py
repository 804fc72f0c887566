import math
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK as sitk

from tissue.analysis import summary
from tissue.cli import main
from tissue.commands.common import BAD_INPUT
from tissue.simulation import progress, run_start, speed
from tissue.simulation.cost import Probe

TINY = Path(__file__).parents[1] / "tiny.toml"
IMAGE_RUN = """
[run]
duration = "1 day"
step = "0.5 day"
[geometry]
file = "bone.nrrd"
[disease]
il1_excess = "3.5 pM"
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_WIDTH", 60)


@pytest.fixture(autouse=True)
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(speed, "probe", lambda shape, precision, loading: Probe(2.0, 0.1, 0.0))


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """A run of a plate of bone, with damaged and unusual images beside it."""
    folder = tmp_path / "my runs"
    (folder / "slices").mkdir(parents=True)
    gray = np.zeros((8, 8, 8), np.uint8)
    gray[:, 2:5] = 200
    image = sitk.GetImageFromArray(gray)
    image.SetSpacing((0.01, 0.01, 0.01))
    sitk.WriteImage(image, str(folder / "bone.nrrd"))
    np.save(folder / "bone.npy", gray)
    np.save(folder / "flat.npy", gray[0])
    holes = sitk.GetImageFromArray(np.where(gray == 0, np.nan, gray))
    holes.SetSpacing((0.01, 0.01, 0.01))
    sitk.WriteImage(holes, str(folder / "nan.nrrd"))
    np.save(folder / "complex.npy", gray.astype(complex))
    whole = (folder / "bone.nrrd").read_bytes()
    (folder / "cut.nrrd").write_bytes(whole[: len(whole) // 2])
    garbage = np.random.default_rng(0).bytes(1000)
    for ending in ("nrrd", "mha", "nii", "tif", "npy", "h5", "raw"):
        (folder / f"garbage.{ending}").write_bytes(garbage)
    (folder / "empty.nrrd").touch()
    with h5py.File(folder / "two.h5", "w") as file:
        file["one"] = file["other"] = gray
    path = folder / "mouse tibia.toml"
    path.write_text(IMAGE_RUN)
    return path


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes must be reported before anything is compiled or computed.

    On a busy machine that may take longer than a run stays silent.
    """

    def work(*_: object) -> Any:
        raise AssertionError("the simulation was set up")

    monkeypatch.setattr(run_start, "Simulation", work)
    monkeypatch.setattr(progress, "PREPARATION_DELAY", math.inf)


def refused(capfd: Capture, *arguments: str | Path, code: int = BAD_INPUT) -> str:
    """The sentence with which a command is refused."""
    assert main([str(argument) for argument in arguments]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(r"tissue: .*[^\s]\n", err), err
    assert "Traceback" not in err
    assert not re.search(r"\. [A-Z]", err), "one sentence is enough"
    return err
