"""`tissue check` says first whether a run can run, on this machine or on another."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands.conftest import Capture, refused

from tissue.cli import main
from tissue.commands.common import RUN_FAILED
from tissue.simulation import bone_preview
from tissue.simulation.gpus import FRACTION_VARIABLE

LARGE = ["--set", "geometry.synthetic.shape=[512, 512, 512]"]
BEYOND_A_GPU = ["--set", "geometry.synthetic.shape=[640, 640, 640]"]
DENSITY = ["--set", "load.mechanics=density"]
MADE_UP = """
[run]
duration = "28 day"
[geometry.synthetic]
shape = [48, 48, 48]
spacing = "10 um"
bv_tv = 0.2
thickness = "60 um"
[disease]
il1_excess = "3.5 pM"
"""
TREATED = """
[disease.pannus]
faces = ["z_low"]
[[therapy]]
drug = "adalimumab"
dose = "40 mg"
every = "14 day"
start = "7 day"
"""


@pytest.fixture
def synthetic_bone(tmp_path: Path) -> Path:
    path = tmp_path / "made.toml"
    path.write_text(MADE_UP)
    return path


def checked(capfd: Capture, *arguments: object, code: int = 0) -> tuple[list[str], str]:
    """Lines that check prints, and what it says on stderr."""
    assert main(["check", *map(str, arguments)]) == code
    out, err = capfd.readouterr()
    return out.splitlines(), err


def test_a_run_that_does_not_fit_is_reported_first_and_last(
    capfd: Capture, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.simulation.machine_forecast.usable_memory", lambda: 400_000_000)
    lines, err = checked(capfd, run_file, code=RUN_FAILED)
    printed = "cannot run here: it needs about 950 MB of memory and 400 MB are available"
    assert lines[0] == f"{run_file}: {printed}"
    assert err == f"tissue: {run_file} {printed}; use coarser voxels, a smaller box or float32\n"
    assert "grid " in "\n".join(lines)
    assert not any("warning: the run needs" in line for line in lines)


def test_a_scan_that_cannot_be_read_is_not_ready(
    capfd: Capture, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = np.tile(np.load(run_file.parent / "bone.npy"), (4,) * 3).astype("float64")
    np.save(run_file.parent / "large.npy", large)
    scan = ["--set", "geometry.file=large.npy", "--set", "geometry.resample=40 um"]
    scan += ["--set", "geometry.voxel_size=10 um"]
    monkeypatch.setattr("tissue.simulation.cost.PROGRAM_MEMORY", 0)
    monkeypatch.setattr(bone_preview, "MAX_READ", 0)
    monkeypatch.setattr(bone_preview, "PART_EDGE", 16)
    forecast, loading = (f"tissue.simulation.{name}" for name in ("machine_forecast", "simulation"))
    for name in (f"{forecast}.usable_memory", f"{forecast}.allowed_memory"):
        monkeypatch.setattr(name, lambda: 400_000)
    monkeypatch.setattr(f"{loading}.allowed_memory", lambda: 400_000)
    lines, err = checked(capfd, run_file, *scan, code=RUN_FAILED)  # 14 bytes a voxel of 32^3
    printed = "cannot run here: it needs about 459 kB of memory and 400 kB are available"
    assert lines[0] == f"{run_file}: {printed}"
    assert err.startswith(f"tissue: {run_file} {printed}; load less bone (geometry.crop")
    assert any("read only the middle of the 32 x 32 x 32 voxels" in line for line in lines)
    lines, _ = checked(capfd, run_file, *scan, "--device", "cpu:4")
    assert any(line.startswith("  memory     prediction: about 459 kB; ") for line in lines)
    # a picture needs all of it, and 16 voxels an edge fit
    monkeypatch.setattr("tissue.machine.host.allowed_memory", lambda: 1_000_000)
    picture = ["--picture", run_file.parent / "scan.png"]
    lines, _ = checked(capfd, run_file, *scan, *picture, code=RUN_FAILED)
    assert lines[0] == f"{run_file}: {printed}"
    scan += ["--set", "geometry.crop=[[0, 16], [0, 16], [0, 16]]"]
    lines, err = checked(capfd, run_file, *scan)
    assert (lines[0], err) == (f"{run_file}: ready to run here", "")


def test_a_run_that_may_not_fit_is_reported_and_warned_of(
    capfd: Capture, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.simulation.machine_forecast.usable_memory", lambda: 1_000_000_000)
    lines, err = checked(capfd, run_file)
    printed = "needs about 950 MB (up to 1.05 GB) of memory and 1 GB are available"
    assert (lines[0], err) == (f"{run_file}: may not fit here: it {printed}", "")
    assert f"  warning: the run {printed}: use coarser voxels, a smaller box or float32" in lines


def test_another_machine_is_asked_for(
    capfd: Capture, synthetic_bone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FRACTION_VARIABLE, raising=False)
    lines, err = checked(capfd, synthetic_bone, "--device", "h100")
    assert (lines[0], err) == (f"{synthetic_bone}: ready to run on an H100 SXM (prediction)", "")
    assert any(line.startswith("  time       prediction, not measured: ") for line in lines)
    lines, _ = checked(capfd, synthetic_bone, "--device", "cpu:8")
    assert lines[0].startswith(f"{synthetic_bone}: ready to run on 8 cores (prediction), if it has")
    lines, err = checked(
        capfd, synthetic_bone, *BEYOND_A_GPU, *DENSITY, "--device", "a100", code=RUN_FAILED
    )
    assert "cannot run on an A100 SXM 80 GB (prediction): it needs about 75" in lines[0]
    assert f"JAX takes 75% of its 80 GB there: set {FRACTION_VARIABLE}=0.95 there, or use" in err
    assert "give h100, a100, rtx4090 or cpu:N" in refused(
        capfd, "check", synthetic_bone, "--device", "h200"
    )


def test_gpus_that_share_a_grid_are_planned(
    capfd: Capture, synthetic_bone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FRACTION_VARIABLE, raising=False)
    shared = [*BEYOND_A_GPU, "--device", "h100", "--devices"]
    lines, err = checked(capfd, synthetic_bone, *shared, 4)
    head = f"{synthetic_bone}: ready to run on 4 GPUs, each an H100 SXM (prediction)"
    assert (lines[0], err) == (head, "")
    words = [line.split()[0] for line in lines]
    order = ["grid", "steps", "load", "memory", "time", "slabs", "messages", "scaling", "writes"]
    assert words[-len(order) :] == order
    # the bone of all slabs is solved on one of them, which has no room for that
    load = lines[words.index("load")]
    assert "density of bone near by, as finite elements need about" in load
    assert "and 60 GB are there" in load
    assert "of at most 40" in refused(capfd, "check", synthetic_bone, *shared, "41")


def test_the_disease_and_the_drugs_are_seen_before_the_run(
    capfd: Capture, synthetic_bone: Path
) -> None:
    def said(*changes: str) -> dict[str, str]:
        sets = [word for change in changes for word in ("--set", change)]
        lines, _ = checked(capfd, synthetic_bone, *sets)
        words = (line.strip().partition("  ") for line in lines)
        return {name: text.strip() for name, _, text in words}

    plain = said()
    assert plain["simulates"] == "28 days, with the cells of a mouse"
    assert plain["disease"] == "IL-1 raised everywhere by 3.5 pM from day 0 on"
    assert plain["drugs"] == "none"
    assert "switched" not in plain
    assert said("disease.il1_excess=0 pM")["disease"] == "none"
    assert "everywhere by 172.4 pM from" in said("disease.il1_excess=3 ng/ml")["disease"]
    assert said("run.duration=1 day")["simulates"] == "1 day, with the cells of a mouse"
    treated = MADE_UP + TREATED
    synthetic_bone.write_text(treated)
    found = said("run.preset=human", "mechanisms.osteoclast_survival=false")
    assert found["disease"] == (
        "IL-1 raised everywhere by 3.5 pM from day 0 on; inflamed tissue (pannus, 100 um deep) at "
        "the low face of z from day 0 on"
    )
    regimen = "adalimumab 40 mg (0.6154 mg/kg) every 14 days, 2 doses from day 7 to 21"
    assert found["drugs"] == regimen
    assert found["switched"] == "off: IL-1 prolongs the life of osteoclasts"
    synthetic_bone.write_text(treated.replace("adalimumab", "teriparatide").replace("40 m", "20 u"))
    assert "teriparatide 20 ug (0.0003077 mg/kg)" in said("run.preset=human")["drugs"]
    synthetic_bone.write_text(treated.replace("40 mg", "1.6 g"))
    assert "adalimumab 1600 mg (24.62 mg/kg)" in said("run.preset=human")["drugs"]


def test_a_picture_shows_all_of_a_large_scan(
    capfd: Capture, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bone_preview, "MAX_READ", 0)
    monkeypatch.setattr(bone_preview, "PART_EDGE", 6)
    lines, _ = checked(capfd, run_file)
    assert any("read only the middle of the 8 x 8 x 8 voxels" in line for line in lines)
    lines, _ = checked(capfd, run_file, "--picture", run_file.parent / "scan.png")
    assert not any("read only" in line for line in lines)
    assert (run_file.parent / "scan.png").is_file()


def test_too_full_a_disk_is_warned_of(
    capfd: Capture, synthetic_bone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage("/")._replace(free=10_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)
    lines, _ = checked(capfd, synthetic_bone)
    assert any("runs/out/made has 10 MB free: free disk space" in line for line in lines)
    lines, _ = checked(capfd, synthetic_bone, "--device", "h100")  # it has another disk
    assert not any("free disk space" in line for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
@pytest.mark.parametrize("kind", ["made up", "scan", "scan and mask"])
def test_512_voxels_an_edge_are_checked_in_little_time_and_memory(
    synthetic_bone: Path, kind: str
) -> None:
    command = [sys.executable, "-c", WATCHED, "check", str(synthetic_bone), *LARGE]
    if kind != "made up":
        scan = np.lib.format.open_memmap(
            synthetic_bone.with_name("s.npy"), "w+", np.uint8, (512,) * 3
        )
        scan[:] = 50
        scan[::16] = scan[:, ::16, 1::2] = 200
        scan.flush()
        synthetic_bone.write_text(
            MADE_UP.partition("[geometry")[0]
            + '[geometry]\nfile = "s.npy"\nvoxel_size = "10 um"\nthreshold = 100\n'
        )
        command = command[: -len(LARGE)]
    if kind == "scan and mask":
        mask = np.lib.format.open_memmap(
            synthetic_bone.with_name("m.npy"), "w+", np.uint8, (512,) * 3
        )
        mask[:20, 100:400] = 1
        mask.flush()
        with synthetic_bone.open("a") as file:
            file.write('[disease.pannus]\nmask = "m.npy"\n')
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, peak = map(float, done.stdout.splitlines()[-1].split())
    assert "512 x 512 x 512 voxels [z, y, x] of 10 um" in done.stdout
    assert peak < 3e9
    assert seconds < 20  # of the processor: others may use the machine too


WATCHED = """
import pathlib, sys, time
from tissue.cli import main
try:
    main(sys.argv[1:])
finally:
    # ru_maxrss would count what the process that started this one held
    printed = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1]
    print(time.process_time(), 1024 * int(printed.split()[0]))
"""
