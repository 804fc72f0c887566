"""The run file that `tissue new` writes from a scan."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from commands.conftest import Capture, refused

import tissue
from tissue.cli import main
from tissue.geometry.settings import ImageSettings
from tissue.model.drugs import DRUGS
from tissue.simulation import scan_run_file
from tissue.simulation.cost import PROGRAM_MEMORY

SHREW = tissue.examples()["shrew"].parent / "data" / "shrew.nrrd"


def plate(path: Path, edge: float = 0.01, size: int = 16) -> Path:
    """An image of a plate of bone 6 voxels thick, with voxels of `edge` [mm]."""
    gray = np.full((size, size, size), 40, np.uint8)
    gray[:, 4:10] = 200
    image = sitk.GetImageFromArray(gray)
    image.SetSpacing((edge,) * 3)
    sitk.WriteImage(image, str(path))
    return path


def tables(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shrew_is_read_as_its_own_run_file_reads_it(capfd: Capture, folder: Path) -> None:
    assert main(["new", str(SHREW)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.startswith("wrote shrew.toml\n")
    text = (folder / "shrew.toml").read_text()
    found = tables(folder / "shrew.toml")
    assert found["run"] == {"preset": "mouse", "duration": "28 day"}
    geometry = found["geometry"]
    assert (folder / geometry["file"]).resolve() == SHREW.resolve()
    assert (geometry["voxel_size"], geometry["threshold"]) == ("4.1 um", 127.5)
    assert "voxel size 4.1 x 4.1 x 4.1 um (z, y, x), from the file" in text
    assert "threshold 127.5, by Otsu's method" in text
    assert '# resample = "8.2 um"' in text
    assert "# - memory     about" in text
    config = tissue.read_run_file(folder / "shrew.toml")
    assert config.disease.il1_excess.constant == 3.5
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("edge", "words", "preset"),
    [
        (0.01, [], "mouse"),
        (0.02, [], "human"),
        (0.02, ["--preset", "mouse"], "mouse"),
    ],
)
def test_the_written_file_passes_check_at_once(
    capfd: Capture, folder: Path, edge: float, words: list[str], preset: str
) -> None:
    scan = plate(folder / "my scan.nrrd", edge)
    assert main(["new", str(scan), *words]) == 0
    assert tables(folder / "my scan.toml")["run"]["preset"] == preset
    made = tissue.read_run_file("my scan.toml")
    assert made.geometry == ImageSettings(scan, voxel_size=1e3 * edge, threshold=120)
    assert made.run.duration == {"mouse": 28, "human": 364}[preset]
    capfd.readouterr()
    assert main(["check", "my scan.toml"]) == 0
    assert "16 x 16 x 16 voxels" in capfd.readouterr().out


@pytest.mark.parametrize(("species", "dose"), [("mouse", "25 mg/kg"), ("human", "100 mg")])
def test_the_example_of_a_drug_is_its_usual_regimen(folder: Path, species: str, dose: str) -> None:
    """Doses and intervals are those of the table of drugs: label, and studies of mice."""
    assert main(["new", str(plate(folder / "a.nrrd")), "--preset", species]) == 0
    text = (folder / "a.toml").read_text()
    start = text.index("# [[therapy]]")
    commented = text[start : text.index("\n\n", start)]
    therapy = tomllib.loads(commented.replace("# ", "", 1).replace("\n# ", "\n"))["therapy"]
    assert therapy[0].items() >= {"drug": "anakinra", "dose": dose, "every": "1 day"}.items()
    config = tissue.read_run_file("a.toml").changed({"therapy": therapy})
    regimen, (acting,) = DRUGS["anakinra"].regimen[species], config.therapy
    assert acting.per_day == pytest.approx(regimen.dose / regimen.interval)
    assert config.warnings == ()


def test_nothing_is_written_over(capfd: Capture, folder: Path) -> None:
    (folder / "shrew.toml").write_text("mine")
    assert "shrew.toml exists already; name another" in refused(capfd, "new", SHREW)
    assert (folder / "shrew.toml").read_text() == "mine"


def test_an_option_stands_in_the_file(folder: Path) -> None:
    scan = plate(folder / "a.nrrd")
    (folder / "runs").mkdir()
    options = [
        "--threshold",
        "100",
        "--crop",
        "[[0, 12], [0, 16], [0, 12]]",
        "--region",
        "roi.nrrd",
    ]
    mask = np.ones((16, 16, 16), np.uint8)
    mask[:, :, 14:] = 0
    image = sitk.GetImageFromArray(mask)
    image.SetSpacing((0.01,) * 3)
    sitk.WriteImage(image, "roi.nrrd")
    assert main(["new", str(scan), *options, "--out", "runs/b.toml"]) == 0
    geometry = tables(folder / "runs" / "b.toml")["geometry"]
    assert (geometry["file"], geometry["region"]) == ("../a.nrrd", "../roi.nrrd")
    assert geometry["threshold"] == 100
    assert geometry["crop"] == [[0, 12], [0, 16], [0, 12]]
    assert "threshold 100, as given" in (folder / "runs" / "b.toml").read_text()


def test_a_scan_without_a_voxel_size_asks_for_one(capfd: Capture, folder: Path) -> None:
    gray = np.full((8, 8, 8), 40, np.uint8)
    gray[:, 2:6] = 200
    np.save("bone.npy", gray)
    sentence = refused(capfd, "new", "bone.npy")
    assert sentence.startswith("tissue: --voxel-size: it is missing")
    assert not (folder / "bone.toml").exists()
    assert main(["new", "bone.npy", "--voxel-size", "10 um"]) == 0
    assert tables(folder / "bone.toml")["geometry"]["voxel_size"] == "10 um"
    assert "voxel size 10 x 10 x 10 um (z, y, x), as given" in (folder / "bone.toml").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--preset", "mose"], "the preset 'mose' does not exist, did you mean 'mouse'?"),
        (["--out", "a.txt"], "--out a.txt: a run file ends in .toml; write --out a.txt.toml"),
        (["--out", ""], "--out .: a run file ends in .toml; write --out mine.toml"),
        (["--out", "none/a.toml"], "--out none/a.toml: the folder none does not exist"),
        (["--voxel-size", "10 stone"], "--voxel-size: 'stone' is not a known unit"),
    ],
)
def test_a_mistake_is_one_sentence(
    capfd: Capture, folder: Path, words: list[str], sentence: str
) -> None:
    assert sentence in refused(capfd, "new", plate(folder / "a.nrrd"), *words)
    assert not list(folder.glob("*.toml"))


def test_a_closed_shell_names_no_key_that_the_command_lacks(capfd: Capture, folder: Path) -> None:
    gray = np.full((12, 12, 12), 200, np.uint8)
    gray[2:-2, 2:-2, 2:-2] = 40
    np.save("shell.npy", gray)
    assert refused(capfd, "new", "shell.npy", "--voxel-size", "10 um") == (
        "tissue: closing pockets of marrow leaves no marrow, because bone covers every face of the "
        "box; cut the shell off with --crop\n"
    )
    crop = ["--crop", "[[2, 10], [2, 10], [0, 10]]"]
    assert main(["new", "shell.npy", "--voxel-size", "10 um", *crop]) == 0


def test_a_scan_that_is_not_there_is_refused(capfd: Capture, folder: Path) -> None:
    assert "none.nrrd" in refused(capfd, "new", "none.nrrd")


@pytest.mark.parametrize(
    ("voxels", "resampled", "cropped"), [(4e3, False, False), (600, True, False), (100, True, True)]
)
def test_a_scan_too_large_for_the_memory_is_resampled_and_then_cropped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, voxels: float, resampled: bool, cropped: bool
) -> None:
    """The memory holds a run of so many voxels of the 16^3 of the scan, whose edge is 5 um."""
    # measured of the formula, so that the number of voxels alone decides
    monkeypatch.setattr(
        "tissue.simulation.machine_forecast.memory_here",
        lambda config, shape, share: PROGRAM_MEMORY + 1_000_000 * np.prod(shape),
    )
    memory = round(1.25 * (PROGRAM_MEMORY + 1_000_000 * 1.1 * voxels))
    monkeypatch.setattr("tissue.simulation.machine_forecast.usable_memory", lambda: memory)
    monkeypatch.setattr("tissue.simulation.machine_forecast.MEMORY_MARGIN", 1.25)
    assert main(["new", str(plate(folder / "a.nrrd", 0.005))]) == 0
    geometry = tables(folder / "a.toml")["geometry"]
    assert geometry.get("resample") == ("10 um" if resampled else None)
    assert ("crop" in geometry) == cropped
    if cropped:
        kept = [stop - start for start, stop in geometry["crop"]]
        assert np.prod([size // 2 for size in kept]) <= 110
        assert geometry["crop"][0] == [(16 - kept[0]) // 2, (16 - kept[0]) // 2 + kept[0]]
    assert main(["check", "a.toml"]) == 0


def test_of_a_large_scan_only_the_middle_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_run_file, "MAX_READ", 1)
    monkeypatch.setattr("tissue.simulation.bone_preview.PART_EDGE", 12)
    assert main(["new", str(plate(folder / "a.nrrd"))]) == 0
    text = (folder / "a.toml").read_text()
    assert "read only the middle of the 16 x 16 x 16 voxels: its numbers are approximate" in text
    assert "crop" not in tables(folder / "a.toml")["geometry"]
    assert "grid       16 x 16 x 16 voxels" in text


def test_padding_outside_the_field_of_view_keeps_the_automatic_threshold(folder: Path) -> None:
    """A number would let the padding count: only the automatic threshold leaves it out."""
    size = 48
    rng = np.random.default_rng(1)
    gray = rng.normal(1000, 30, (size, size, size))
    gray[:, 12:36] += 1000
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    gray[:, y**2 + x**2 > 22**2] = -1000
    image = sitk.GetImageFromArray(gray.astype(np.int16))
    image.SetSpacing((0.01,) * 3)
    sitk.WriteImage(image, "round.nrrd")
    assert main(["new", "round.nrrd"]) == 0
    text = (folder / "round.toml").read_text()
    assert tables(folder / "round.toml")["geometry"]["threshold"] == "otsu"
    assert "left out" in text
