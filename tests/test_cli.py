"""The command as a hurried user meets it: clear refusals at once, and nothing left in the way."""

import json
import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK as sitk

import tissue
from tissue import backend, cli
from tissue.analysis import plot
from tissue.cli import main
from tissue.model.parameters import QUANTITIES
from tissue.simulation import run as running
from tissue.simulation import speed
from tissue.simulation.plan import Probe

TINY = Path(__file__).parent / "tiny.toml"
IMAGE_RUN = """
[run]
duration = "1 day"
step = "0.5 day"
[geometry]
file = "bone.nrrd"
[disease]
il1_excess = "3.5 pM"
"""
Told = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    logger = logging.getLogger("tissue")
    before = logger.level, list(logger.handlers), logger.propagate
    yield
    logger.level, logger.handlers[:], logger.propagate = before


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "_WIDTH", 60)


@pytest.fixture(autouse=True)
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "probe", lambda shape, precision, loading: Probe(2.0, 0.1, 0.0))


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """A run of a plate of bone, with damaged and unusual images beside it."""
    folder = tmp_path / "my runs"
    (folder / "slices").mkdir(parents=True)
    grey = np.zeros((8, 8, 8), np.uint8)
    grey[:, 2:5] = 200
    image = sitk.GetImageFromArray(grey)
    image.SetSpacing((0.01, 0.01, 0.01))
    sitk.WriteImage(image, str(folder / "bone.nrrd"))
    np.save(folder / "bone.npy", grey)
    np.save(folder / "flat.npy", grey[0])
    np.save(folder / "nan.npy", np.where(grey == 0, np.nan, grey))
    np.save(folder / "complex.npy", grey.astype(complex))
    whole = (folder / "bone.nrrd").read_bytes()
    (folder / "cut.nrrd").write_bytes(whole[: len(whole) // 2])
    garbage = np.random.default_rng(0).bytes(1000)
    for ending in ("nrrd", "mha", "nii", "tif", "npy", "h5", "raw"):
        (folder / f"garbage.{ending}").write_bytes(garbage)
    (folder / "empty.nrrd").touch()
    with h5py.File(folder / "two.h5", "w") as file:
        file["one"] = file["other"] = grey
    path = folder / "mouse tibia.toml"
    path.write_text(IMAGE_RUN)
    return path


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes must be told before anything is compiled or computed."""

    def work(*_: object) -> Any:
        raise AssertionError("the simulation was set up")

    monkeypatch.setattr(running, "Simulation", work)


def refused(capfd: Told, *arguments: str | Path, code: int = cli.BAD_INPUT) -> str:
    """The sentence with which a command is refused."""
    assert main([str(argument) for argument in arguments]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(r"tissue: .*[^\s]\n", err), err
    assert "Traceback" not in err
    assert not re.search(r"\. [A-Z]", err), "one sentence is enough"
    return err


RUN_FILES = {
    "nowhere.toml": "there is no run file '.*nowhere.toml', nor a ready-made run .*shrew",
    "slices": "run file '.*slices' cannot be read: Is a directory",
    "garbage.raw": "run file '.*garbage.raw' is not UTF-8 text",
}


@pytest.mark.parametrize("command", ["run", "check", "bench"])
@pytest.mark.parametrize("name", RUN_FILES)
def test_a_wrong_run_file_is_refused(
    capfd: Told, no_work: None, run_file: Path, command: str, name: str
) -> None:
    assert re.search(RUN_FILES[name], refused(capfd, command, run_file.with_name(name)))


MISTAKES = {
    # the image
    "geometry.file=gone.nrrd": r"file: there is no .*gone\.nrrd",
    "geometry.file=garbage.nrrd": r"garbage\.nrrd cannot be read as NRRD",
    "geometry.file=garbage.mha": r"garbage\.mha cannot be read",
    "geometry.file=garbage.nii": r"garbage\.nii cannot be read",
    "geometry.file=garbage.tif": r"garbage\.tif cannot be read",
    "geometry.file=garbage.npy": r"garbage\.npy cannot be read",
    "geometry.file=garbage.h5": r"garbage\.h5 cannot be read",
    "geometry.file=garbage.raw": r"the format of garbage\.raw is not known",
    "geometry.file=empty.nrrd": r"empty\.nrrd cannot be read",
    "geometry.file=cut.nrrd": r"cut\.nrrd cannot be read",
    "geometry.file=slices": "slices holds 0 TIFF files",
    "geometry.file=flat.npy": r"flat\.npy has the shape \(8, 8\)",
    "geometry.file=nan.npy": r"nan\.npy holds 320 NaN",
    "geometry.file=complex.npy": "values of type complex128",
    "geometry.file=two.h5": "which 3-D dataset to read; it holds: one, other",
    "geometry.file=bone.npy": "voxel_size: it is missing",
    "geometry.dataset=one": r"bone\.nrrd is no HDF5 file",
    "geometry.crop=[[0, 8], [0, 8], [0, 9]]": r"crop: .* does not fit the image of 8 x 8 x 8",
    "geometry.threshold=201": "threshold: above 201 there is no bone",
    "geometry.threshold=-1": "threshold: above -1 there is nothing but bone",
    "geometry.threshold='128'": "geometry.threshold = '128' must be a finite number or 'otsu'",
    "geometry.threshold=128 HU": "geometry.threshold = '128 HU' must be",
    "geometry.resample=1 mm": "resample: 1000 um leaves 0 x 0 x 0 voxels",
    "geometry.resample=1 nm": r"resample: 0\.001 um .* give a coarser edge",
    # keys
    "run.durations=3 day": "run.durations is not a known key, did you mean run.duration",
    "geometry.voxelsize=3 um": "did you mean geometry.voxel_size",
    "diseases.il1_excess=1 pM": "diseases is not a known key, did you mean disease",
    "therapies.drug=il4": "therapies is not a known key, did you mean therapy",
    "qqq.anakinra=1 pM": "qqq is not a known key; known at the top are run",
    "parameters.a_Q=1": "parameters.a_Q is not a known parameter, did you mean",
    "geometry.synthetic.seed=1": "exactly one of the two is needed, both",
    # units and values
    "run.duration=28 pM": "run.duration: '28 pM' is a concentration",
    "run.duration=28": "run.duration: '28' has no unit",
    "run.duration=": "run.duration: '' does not start with a finite number",
    "run.duration=inf day": "run.duration: 'inf day'",
    "run.duration=0 day": "run.duration = '0 day' must be a time of at least",
    "run.duration=-1 day": "run.duration = '-1 day' must be",
    "run.step=0 day": "run.step = '0 day' must be a time between",
    "run.step=-1 day": "run.step = '-1 day' must be",
    "run.step=2 day": r"run.step = 2 day must be at most run.duration = 1 day",
    "run.preset=rat": "run.preset = 'rat' must be 'mouse' or 'human'",
    "geometry.voxel_size=0 um": "geometry.voxel_size = '0 um' must be a length > 0",
    "geometry.voxel_size=-4 um": "geometry.voxel_size = '-4 um' must be",
    "geometry.resample=0 um": "geometry.resample = '0 um' must be a length > 0",
    "geometry.resample=-4 um": "geometry.resample = '-4 um' must be",
    "geometry.smooth=-4 um": "geometry.smooth = '-4 um' must be",
    "disease.il1_excess=-1 pM": "disease.il1_excess = '-1 pM' must be a concentration >= 0",
    "disease.il1_excess=3 day": "disease.il1_excess: '3 day' is a time",
    "output.snapshots=0 day": "output.snapshots = '0 day' must be a time > 0",
    "output.snapshots=-1 day": "output.snapshots = '-1 day' must be",
    "output.fields=['bone']": "output.fields = .* among bone_volume_fraction",
    "parameters.k_I=0 1/day": "parameters.k_I = '0 1/day' must be > 0",
    "parameters.k_I=-1 1/day": "parameters.k_I = '-1 1/day' must be > 0",
    "parameters.k_I=24 um": "parameters.k_I: '24 um' is a length",
    # the override itself
    "run.duration": "the override 'run.duration' must look like section.key=value",
    "duration=3 day": "must look like section.key=value",
    "run.duration.x=3": "duration is not a table",
}


@pytest.mark.parametrize("change", MISTAKES)
def test_a_mistake_is_refused_at_once(
    capfd: Told, no_work: None, run_file: Path, tmp_path: Path, change: str
) -> None:
    out = tmp_path / "out"
    told = refused(capfd, "run", run_file, "--set", change, "--out", out)
    assert re.search(MISTAKES[change], told), told
    assert not out.exists() or list(out.iterdir()) == []  # the next try is free to go
    told = refused(capfd, "check", run_file, "--set", change)
    assert re.search(MISTAKES[change], told), told


SYNTHETIC_MISTAKES = {
    "shape=[4, 4, 4]": r"\[geometry.synthetic\] shape: \[4, 4, 4\] is too small",
    "shape=[8, 8]": r"geometry.synthetic.shape = \[8, 8\] must be three whole numbers",
    "bv_tv=0.9": r"\[geometry.synthetic\] bv_tv: 0.9 is no trabecular bone",
    "thickness=1 um": r"\[geometry.synthetic\] thickness: 1 um must lie between",
    "spacing=0 um": "geometry.synthetic.spacing = '0 um' must be a length > 0",
    "thicknes=30 um": "did you mean geometry.synthetic.thickness",
}


@pytest.mark.parametrize("change", SYNTHETIC_MISTAKES)
def test_a_mistake_in_synthetic_bone_is_refused(
    capfd: Told, no_work: None, tmp_path: Path, change: str
) -> None:
    setting = f"geometry.synthetic.{change}"
    told = refused(capfd, "run", TINY, "--set", setting, "--out", tmp_path)
    assert re.search(SYNTHETIC_MISTAKES[change], told), told


def test_a_key_in_brackets_is_one_of_the_run_file() -> None:
    """Messages name keys as `[table] key` or `table.key`; each must be there."""
    from tissue.scenario.messages import tables

    keys = {(".".join(path), key) for path, table in tables().items() for key in table.model_fields}
    for name in ("geometry/images.py", "geometry/load.py", "geometry/synthetic.py"):
        source = (Path(tissue.__file__).parent / name).read_text()
        named = set(re.findall(r"\[(geometry[a-z.]*)\] (\w+)", source))
        assert named
        assert named <= keys
    source = (Path(tissue.__file__).parent / "simulation/plan.py").read_text()
    named = {
        tuple(found) for found in re.findall(r"(geometry(?:\.synthetic)?)\.([a-z]+)\"", source)
    }
    assert named
    assert named <= keys


def test_a_mistake_in_toml_is_told_with_its_line(capfd: Told, run_file: Path) -> None:
    run_file.write_text("[run]\nduration = 28 day\n")
    assert "is not valid TOML: " in refused(capfd, "check", run_file)


@pytest.mark.parametrize("start", ["", "\ufeff", "\t \n"])
def test_tabs_and_windows_marks_do_not_matter(capfd: Told, run_file: Path, start: str) -> None:
    run_file.write_text(start + IMAGE_RUN.replace(" = ", "\t=\t"), encoding="utf-8")
    assert main(["check", str(run_file)]) == 0


@pytest.mark.parametrize("blocked", ["file", "file/below", "file/far/below"])
def test_a_folder_that_cannot_be_made_is_refused(
    capfd: Told, no_work: None, tmp_path: Path, blocked: str
) -> None:
    (tmp_path / "file").touch()
    told = refused(capfd, "run", TINY, "--out", tmp_path / blocked)
    assert f"{blocked} cannot be written to (" in told
    assert "--out" in told


def test_a_folder_with_a_run_is_refused_and_then_replaced(capfd: Told, tmp_path: Path) -> None:
    command = ["run", str(TINY), "--quiet", "--out", str(tmp_path / "my out"), "--set"]
    assert main([*command, "run.duration=1 day"]) == 0
    assert "already holds a run (run.toml)" in refused(capfd, *command, "run.duration=0.5 day")
    assert len(tissue.open_run(tmp_path / "my out").metrics["time_day"]) == 3
    assert main([*command, "run.duration=0.5 day", "--overwrite"]) == 0
    assert len(tissue.open_run(tmp_path / "my out").metrics["time_day"]) == 2
    assert capfd.readouterr() == ("", "")


def test_a_run_tells_its_plan_and_its_result(
    capfd: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    copy = tmp_path / "runs" / "small.toml"
    copy.write_text(TINY.read_text())
    assert main(["run", "runs/small.toml", "--set", "run.seed=0"]) == 0
    out, err = capfd.readouterr()
    assert "grid       8 x 8 x 8 voxels" in err
    assert "\r" not in err, "no progress bar where nobody watches"
    assert "%|" not in err
    assert re.search(r"BV/TV 0\.\d{4} -> 0\.\d{4} \(-\d\.\d\d %\) in 2 days", out)
    assert "3 snapshots, metrics.csv and ledger.csv in runs/out/small" in out
    assert (tmp_path / "runs" / "out" / "small" / "summary.png").stat().st_size > 10_000
    again = tissue.read_run_file(tmp_path / "runs" / "out" / "small" / "run.toml")
    assert again.duration == 2


def test_warnings_reach_the_screen_but_not_the_quiet(
    capfd: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.analysis.plot.write_summary", lambda folder, name: folder)
    command = ["run", str(TINY), "--set", "run.duration=0.5 day", "--out", str(tmp_path)]
    odd = ["--set", "parameters.k_I=7 1/day", "--overwrite"]
    assert main([*command, *odd]) == 0
    assert "\nwarning: parameters.k_I = 7 1/day is outside its" in capfd.readouterr().err
    assert main([*command, *odd, "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert "WARNING parameters.k_I = 7 1/day" in (tmp_path / "run.log").read_text()


@pytest.mark.parametrize(
    "changes",
    [
        ["disease.il1_excess=1000 pM"],
        ["run.duration=0.1 day", "run.step=0.1 day"],
        ["output.snapshots=100 day"],
    ],
)
def test_check_accepts_the_unusual(capfd: Told, run_file: Path, changes: list[str]) -> None:
    settings = [word for change in changes for word in ("--set", change)]
    assert main(["check", str(run_file), *settings]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.startswith(f"{run_file}: all good\n")
    assert "steps " in out
    assert not (run_file.parent / "runs").exists()


def test_a_folder_called_like_a_ready_made_run_is_not_in_the_way(
    capfd: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shrew").mkdir()
    assert main(["check", "shrew"]) == 0
    assert "read shrew.nrrd" in capfd.readouterr().out
    (tmp_path / "other").mkdir()
    assert "Is a directory" in refused(capfd, "check", "other")


def test_list_names_every_ready_made_run(capfd: Told) -> None:
    assert main(["list"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    for name, path in tissue.shipped().items():
        assert re.search(rf"^{name} +\w.{{20}}", out, re.M)
        assert path.is_file()


def test_every_ready_made_run_is_good(capfd: Told) -> None:
    for name in tissue.shipped():
        assert main(["check", name]) == 0


@pytest.mark.parametrize("preset", ["mouse", "human"])
def test_parameters_have_unit_range_and_source(capfd: Told, preset: str) -> None:
    assert main(["parameters", preset]) == 0
    out, err = capfd.readouterr()
    heads, *rows = out.splitlines()
    assert err == ""
    assert heads.split() == ["symbol", "value", "unit", "range", "confidence", "name", "source"]
    assert [row.split()[0] for row in rows] == list(QUANTITIES)
    starts = [heads.index(head) for head in heads.split()]
    for row in rows:
        cells = [row[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        assert all(cells), row
        low, high = map(float, cells[3].split(" .. "))
        assert low <= float(cells[1]) <= high
        assert len(cells[6]) > 8, "a source is more than a word"


def test_an_unknown_preset_is_refused(capfd: Told) -> None:
    assert "must be 'mouse' or 'human'" in refused(capfd, "parameters", "rat")


def test_check_foretells_the_time(capfd: Told, run_file: Path) -> None:
    assert main(["check", str(run_file)]) == 0
    assert re.search(
        r"^  time +about \d.* s here and now: .* to start the first time, about \d+ steps of .* s, "
        r".* for the picture$",
        capfd.readouterr().out,
        re.M,
    )


def test_bench_measures_a_run(capfd: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "STEP_SECONDS", 0.0)
    assert main(["bench", str(TINY)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert re.search(r"^step +8 x 8 x 8: \d+ ns a voxel, [\d.]+ million voxels/s", out, re.M)
    assert re.search(r"^estimate +run tiny: about .* for 4 steps, \d+ MB$", out, re.M)
    assert re.search(r"^peak +[\d.]+ GB", out, re.M)
    assert main(["bench", str(TINY), "--json", "--set", "run.duration=1 day"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["estimates"][0]["steps"] == 2
    assert told["peak_memory_gb"] > 0
    assert told["tissue"] == tissue.__version__


def test_bench_refuses_changes_to_nothing(capfd: Told) -> None:
    assert "name the run file too" in refused(capfd, "bench", "--set", "run.duration=1 day")


def test_the_doctor_finds_this_machine_well(capfd: Told) -> None:
    assert main(["doctor"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "the backend computes rightly" in out
    assert re.search(r"^jax +\d", out, re.M)


def test_the_doctor_reports_an_ill_machine(capfd: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "wrong_results", lambda: ("exp in float32",))
    assert main(["doctor"]) == cli.RUN_FAILED
    assert "WRONG results from this backend: exp in float32" in capfd.readouterr().out


def test_too_little_memory_to_check_is_told(capfd: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("tissue.simulation.simulation.load_geometry", exhausted)
    assert "memory is too small" in refused(capfd, "check", TINY, code=cli.RUN_FAILED)


@pytest.mark.parametrize("words", [[], ["frob"], ["run"], ["run", str(TINY), "--frob"]])
def test_a_wrong_command_line_shows_its_use(capfd: Told, words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == cli.BAD_INPUT
    assert "usage: tissue" in capfd.readouterr().err


def test_the_version_is_told(capfd: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert (stopped.value.code, capfd.readouterr().out) == (0, f"tissue {tissue.__version__}\n")


def started(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    # a test run in the background hands down an ignored SIGINT
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heed}; import runpy; runpy.run_module('tissue', run_name='__main__')"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **{**pipes, **options})


def test_a_process_refuses_a_mistake_without_a_traceback(run_file: Path) -> None:
    with started("run", run_file.name, "--set", "geometry.file=x", cwd=run_file.parent) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert re.fullmatch(r"tissue: \[geometry\] file: there is no .*\n", err)


def test_list_does_not_wait_for_jax() -> None:
    code = "import sys; from tissue.cli import main; main(['list']); sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_reader_may_stop_reading() -> None:
    with started("parameters", "mouse") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.slow
def test_an_interrupted_process_leaves_a_whole_run(tmp_path: Path) -> None:
    table = tmp_path / "out" / "metrics.csv"
    long = ("--set", "run.duration=10000 day", "--quiet")
    with started("run", TINY, *long, "--out", table.parent) as process:
        deadline = time.monotonic() + 200
        while not table.exists() or table.read_text().count("\n") < 10:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "tissue: interrupted; what is on disk is whole\n"
    left = tissue.open_run(table.parent)
    assert len(left.metrics["time_day"]) >= 8
    assert left.snapshots
    assert left.field("bone_volume_fraction").shape == (8, 8, 8)
