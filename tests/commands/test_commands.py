"""The command as a hurried user meets it: clear refusals at once, and nothing left in the way."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commands.conftest import IMAGE_RUN, TINY, Capture, refused

import tissue
from tissue.bench.measurement import Measurement
from tissue.cli import main
from tissue.commands.common import BAD_INPUT, RUN_FAILED
from tissue.machine import self_test
from tissue.machine.bandwidth import Bandwidth
from tissue.simulation import speed


@pytest.mark.parametrize("start", ["", "\ufeff", "\t \n"])
def test_tabs_and_windows_marks_do_not_matter(capfd: Capture, run_file: Path, start: str) -> None:
    run_file.write_text(start + IMAGE_RUN.replace(" = ", "\t=\t"), encoding="utf-8")
    assert main(["check", str(run_file)]) == 0


def test_a_folder_with_a_run_is_refused_and_then_replaced(capfd: Capture, tmp_path: Path) -> None:
    command = ["run", str(TINY), "--quiet", "--out", str(tmp_path / "my out"), "--set"]
    assert main([*command, "run.duration=1 day"]) == 0
    assert "already holds a run (run.toml)" in refused(capfd, *command, "run.duration=0.5 day")
    assert len(tissue.open_run(tmp_path / "my out").metrics["time_day"]) == 3
    assert main([*command, "run.duration=0.5 day", "--overwrite"]) == 0
    assert len(tissue.open_run(tmp_path / "my out").metrics["time_day"]) == 2
    assert capfd.readouterr() == ("", "")


def test_a_run_tells_its_plan_and_its_result(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert re.search(r"BV/TV 0\.\d{4} on day 0, 0\.\d{4} on day 2 \(-\d\.\d\d %\)", out)
    assert "3 snapshots, metrics.csv and ledger.csv in runs/out/small" in out
    assert (tmp_path / "runs" / "out" / "small" / "summary.png").stat().st_size > 10_000
    again = tissue.read_run_file(tmp_path / "runs" / "out" / "small" / "run.toml")
    assert again.run.duration == 2


def test_morphometry_is_made_while_the_run_goes_on(tmp_path: Path) -> None:
    command = ["run", str(TINY), "--quiet", "--out", str(tmp_path), "--set"]
    assert main([*command, "output.morphometry=true"]) == 0
    rows = (tmp_path / "morphometry.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["time_day", "0", "1", "2"]
    assert main([*command, "run.duration=1 day", "--overwrite"]) == 0
    assert not (tmp_path / "morphometry.csv").exists()  # it went with its run


def test_warnings_reach_the_screen_but_not_the_quiet(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.analysis.summary.write_summary", lambda folder, name: folder)
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
def test_check_accepts_the_unusual(capfd: Capture, run_file: Path, changes: list[str]) -> None:
    settings = [word for change in changes for word in ("--set", change)]
    assert main(["check", str(run_file), *settings]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.startswith(f"{run_file}: ready to run here\n")
    assert "steps " in out
    assert not (run_file.parent / "runs").exists()


def test_a_folder_called_like_a_ready_made_run_is_not_in_the_way(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shrew").mkdir()
    assert main(["check", "shrew"]) == 0
    assert "read shrew.nrrd" in capfd.readouterr().out
    (tmp_path / "other").mkdir()
    assert "Is a directory" in refused(capfd, "check", "other")


def test_list_names_every_ready_made_run(capfd: Capture) -> None:
    assert main(["list"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    for name, path in tissue.examples().items():
        assert re.search(rf"^{name} +\w.{{20}}", out, re.M)
        assert path.is_file()


@pytest.mark.slow
def test_every_ready_made_run_is_good(capfd: Capture) -> None:
    for name in tissue.examples():
        assert main(["check", name]) == 0


def test_an_unknown_preset_is_refused(capfd: Capture) -> None:
    assert "must be 'mouse' or 'human'" in refused(capfd, "parameters", "rat")


def test_check_predicts_the_time(capfd: Capture, run_file: Path) -> None:
    assert main(["check", str(run_file)]) == 0
    assert re.search(
        r"^  time +about \d.* s here on an idle machine.*: .* to start the first time, about \d+ "
        r"steps of .* s, .* for the picture$",
        capfd.readouterr().out,
        re.M,
    )


def test_bench_measures_a_run(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "STEPS_TIME", 0.0)
    assert main(["bench", str(TINY)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert re.search(r"^step +8 x 8 x 8: \d+ ns/voxel, [\d.]+ million voxels/s", out, re.M)
    assert re.search(r"^estimate +run tiny: about .* for 4 steps, \d+ MB$", out, re.M)
    assert re.search(r"^peak +[\d.]+ GB", out, re.M)
    assert main(["bench", str(TINY), "--json", "--set", "run.duration=1 day"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["estimates"][0]["steps"] == 2
    assert printed["peak_memory_gb"] > 0
    assert printed["tissue"] == tissue.__version__


@pytest.fixture
def measured_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose numbers are given."""
    rows = [
        speed.Speed((16, 16, 16), 2, 4.096e-3, 4e-3, 5e-3, 7.0),
        Measurement("V-cycle", 16, 2.0, 1.9, 2.2, 2.048, 40.0),
        Measurement("exchange", 16, None, reason="out of memory"),
    ]
    monkeypatch.setattr("tissue.bench.measurement.measurements", lambda plan: iter(rows))
    monkeypatch.setattr("tissue.machine.bandwidth.measured", lambda: Bandwidth(12.5, "given"))


def test_bench_measures_this_machine(capfd: Capture, measured_elsewhere: None) -> None:
    assert main(["bench", "--edges", "16"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert re.search(r"^memory +12\.5 GB/s \(given\)$", out, re.M)
    assert re.search(
        r"^  V-cycle +2 ms +2\.05 million voxel updates/s +40 % of the bandwidth$", out, re.M
    )
    assert re.search(r"^  exchange +not measured: out of memory$", out, re.M)
    assert re.search(r"^estimate +a year of 128 x 128 x 128: about 3\.8 min", out, re.M)
    assert "set-up, compilation and the first step took 7 s on 16 x 16 x 16" in out


def test_bench_compares_machines(capfd: Capture, measured_elsewhere: None, tmp_path: Path) -> None:
    assert main(["bench", "--edges", "16", "--json"]) == 0
    printed = capfd.readouterr().out
    record = json.loads(printed)
    assert record["measurements"][0]["milliseconds"] == 2.0
    assert record["measurements"][1]["reason"] == "out of memory"
    assert record["bandwidth_gb_per_s"] == 12.5
    assert record["tissue"] == tissue.__version__
    other = tmp_path / "other.json"
    other.write_text(printed.replace('"milliseconds": 2.0', '"milliseconds": 5.0'))
    assert main(["bench", "--edges", "16", "--compare", str(other)]) == 0
    assert "2.5 times the other's" in capfd.readouterr().out
    assert "with --edges 16" in refused(capfd, "bench", "--edges", "32", "--compare", str(other))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--edges", "64,big"], "is not a list of whole numbers"),
        (["--edges", "-3"], "is not a list of whole numbers"),
        (["--edges", ""], "is not a list of whole numbers"),
        (["--edges", "4"], "from 16 to 2048 voxels"),
        (["--compare", "none.json"], "cannot be read"),
        ([str(TINY), "--quick"], "leave out --quick or"),
    ],
)
def test_bench_refuses_bad_options(capfd: Capture, words: list[str], said: str) -> None:
    assert said in refused(capfd, "bench", *(f"{word}" for word in words))


def test_bench_refuses_changes_to_nothing(capfd: Capture) -> None:
    assert "name the run file too" in refused(capfd, "bench", "--set", "run.duration=1 day")


def test_the_doctor_finds_this_machine_well(
    capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.machine.host.allowed_memory", lambda: 3_000_000_000)
    assert main(["doctor"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "the backend computes correctly" in out
    assert re.search(r"^jax +\d", out, re.M)
    assert re.search(r"^host memory  .* GB, of which a limit allows 3.0 GB$", out, re.M)


def test_the_doctor_reports_an_ill_machine(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "wrong_results", lambda: ("exp in float32",))
    assert main(["doctor"]) == RUN_FAILED
    assert "WRONG results from this backend: exp in float32" in capfd.readouterr().out


def test_too_little_memory_to_check_is_reported(
    capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("tissue.simulation.bone_preview.load_geometry", exhausted)
    assert "memory is too small" in refused(capfd, "check", TINY, code=RUN_FAILED)


@pytest.mark.parametrize("words", [[], ["frob"], ["run"], ["run", str(TINY), "--frob"]])
def test_a_wrong_command_line_shows_its_use(capfd: Capture, words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == BAD_INPUT
    assert "usage: tissue" in capfd.readouterr().err


def test_the_version_is_reported(capfd: Capture) -> None:
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
    assert re.fullmatch(r"tissue: geometry.file: there is no .*\n", err)


def test_list_does_not_wait_for_jax() -> None:
    code = "import sys; from tissue.cli import main; main(['list']); sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_run_does_not_wait_for_statistics_of_images() -> None:
    code = "import sys, tissue.simulation.run; sys.exit('scipy.stats' in sys.modules)"
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
    assert (process.returncode, out) == (75, "")
    assert re.fullmatch(r"tissue: stopped by SIGINT after step \d+, day .*--resume\n", err)
    left = tissue.open_run(table.parent)
    assert len(left.metrics["time_day"]) >= 8
    assert left.snapshots
    assert left.field("bone_volume_fraction").shape == (8, 8, 8)
