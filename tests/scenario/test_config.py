from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario.minimal_run import MINIMAL, parsed

from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.model.parameters import preset
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.resolved import config_hash, resolved_keys, resolved_toml
from tissue.scenario.time_course import TimeCourse

HEALTH = TimeCourse.of(0.0)

FULL = """
[run]
preset = "human"
duration = "2 week"
step = "6 h"
precision = "float64"
seed = 7
[geometry]
file = "data/bone.h5"
dataset = "scan \\"1\\""
voxel_size = ["4.1 um", "4.1 um", "8.2 um"]
crop = [[0, 10], [0, 20], [5, 30]]
threshold = 128.5
smooth = "4 um"
resample = "8.2 um"
keep_largest = false
close_pockets = false
[disease]
il1_excess = "3.5 pM"
[parameters]
a_R = 12
D_M = "1/3 mm^2/day"
[output]
snapshots = "3 day"
fields = ["il1", "osteoclast_precursors"]
"""


def written(folder: Path, text: str = FULL) -> Path:
    path = folder / "arthritis.toml"
    path.write_text(text)
    return path


def test_defaults() -> None:
    config = parsed()
    run = config.run
    assert (run.preset, run.duration, run.step) == ("mouse", 28, "adaptive")
    assert (run.precision, run.seed, config.disease.il1_excess) == ("float32", 0, HEALTH)
    assert config.geometry == ImageSettings(file=Path("/runs/bone.nrrd").resolve())
    assert config.parameters == preset("mouse")
    output = config.output
    assert (output.snapshots, output.checkpoints) == (7, 7)
    assert output.fields[:2] == ("bone_volume_fraction", "il1")
    assert (config.name, config.warnings) == ("test", ())
    assert config.source == Path("/runs/test.toml").resolve()


def test_python_may_give_paths_and_tuples() -> None:
    config = parsed(geometry__file=Path("/a/b.npy"), geometry__crop=((0, 1), (0, 2), (0, 3)))
    assert config.geometry == ImageSettings(file=Path("/a/b.npy"), crop=((0, 1), (0, 2), (0, 3)))


def test_reads_everything(tmp_path: Path) -> None:
    config = read_run_file(written(tmp_path))
    run = config.run
    assert (run.preset, run.duration, run.step) == ("human", 14, 0.25)
    assert (run.precision, run.seed) == ("float64", 7)
    assert config.disease.il1_excess == TimeCourse.of(3.5)
    assert config.geometry == ImageSettings(
        file=tmp_path.resolve() / "data/bone.h5",
        dataset='scan "1"',
        voxel_size=(4.1, 4.1, 8.2),
        crop=((0, 10), (0, 20), (5, 30)),
        smooth=4,
        threshold=128.5,
        resample=8.2,
        keep_largest=False,
        close_pockets=False,
    )
    assert (config.parameters.a_R, config.parameters.D_M) == (12, 1e6 / 3)
    assert (config.output.snapshots, config.name) == (3, "arthritis")
    assert config.output.fields == ("il1", "osteoclast_precursors")
    assert len(config.warnings) == 2


def test_synthetic_bone_takes_the_seed_of_the_run() -> None:
    run: dict[str, Any] = {"run": {"duration": "1 day", "seed": 3}, "geometry": {"synthetic": {}}}
    expected = SyntheticSettings((64, 64, 64), 20.0, 0.2, 150.0, seed=3)
    assert read_run_file(run, name="s").geometry == expected
    run["geometry"]["synthetic"] = {"seed": 5, "shape": (8, 8, 9)}
    assert read_run_file(run, name="s").geometry == SyntheticSettings((8, 8, 9), 20, 0.2, 150, 5)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nope\.toml' does not exist"):
        read_run_file(tmp_path / "nope.toml")
    with pytest.raises(InputError, match=r"not valid TOML: .*line 2"):
        read_run_file(written(tmp_path, "[run]\nduration = 28 day\n"))
    with pytest.raises(InputError, match="not valid TOML"):
        read_run_file(written(tmp_path, f"a = {'1' * 5000}"))
    with pytest.raises(InputError, match="cannot be read"):
        read_run_file(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        read_run_file(binary)


def test_overrides(tmp_path: Path) -> None:
    config = read_run_file(
        written(tmp_path),
        [
            "run.duration=56 day",
            "run.seed = 9",
            "run.preset=mouse",
            "parameters.a_R=2.5",
            "geometry.crop=[[0, 1], [0, 1], [0, 1]]",
            "geometry.keep_largest=true",
            'output.fields=["opg"]',
        ],
    )
    assert isinstance(config.geometry, ImageSettings)
    assert (config.run.duration, config.run.seed, config.run.preset) == (56, 9, "mouse")
    assert (config.parameters.a_R, config.output.fields) == (2.5, ("opg",))
    assert (config.geometry.crop, config.geometry.keep_largest) == (((0, 1),) * 3, True)


def test_overrides_reach_deeper_tables(tmp_path: Path) -> None:
    text = '[run]\nduration = "1 day"\n[geometry.synthetic]\n'
    config = read_run_file(written(tmp_path, text), ["geometry.synthetic.seed=4"])
    assert isinstance(config.geometry, SyntheticSettings)
    assert config.geometry.seed == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run.durations=3 day", "did you mean run.duration"),
        ("parameters.a_Q=3", "parameters.a_Q is not a known parameter"),
        ("run.duration", "must look like section.key=value"),
        ("duration=3", "must look like section.key=value"),
        ("run..duration=3", "must look like section.key=value"),
        ("run.duration.x=3", "duration is not a table"),
        ("run.duration=3\nrun = 4", "malformed"),
    ],
)
def test_wrong_overrides(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_run_file(written(tmp_path), [text])


def test_overrides_leave_the_given_data_alone(tmp_path: Path) -> None:
    path = written(tmp_path)
    read_run_file(path, ["run.seed=1"])
    assert read_run_file(path).run.seed == 7


@pytest.mark.parametrize(
    "text", [FULL, '[run]\nduration = "1/3 day"\n[geometry.synthetic]\nbv_tv = 0.3\n']
)
def test_resolved_run_reads_back_the_same(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    config = read_run_file(path)
    path.write_text(resolved_toml(config))
    again = read_run_file(path)
    assert again == config
    assert resolved_toml(again) == resolved_toml(config)
    assert config_hash(again) == config_hash(config)


def test_a_dense_schedule_is_written_out_and_read_again(tmp_path: Path) -> None:
    data = MINIMAL | {"therapy": [{"drug": "il4", "dose": "50 ug/kg", "every": "0.001 day"}]}
    config = read_run_file(data, folder=tmp_path, name="dense")
    (tmp_path / "again.toml").write_text(resolved_toml(config), encoding="utf-8")
    again = read_run_file(tmp_path / "again.toml")
    assert len(again.therapy[0].times) == 28_000
    assert again.therapy == config.therapy


def test_resolved_run_kept_elsewhere_finds_its_image(tmp_path: Path) -> None:
    config = read_run_file(written(tmp_path))
    folder = tmp_path / "out" / "first"
    folder.mkdir(parents=True)
    copy = folder / "run.toml"
    copy.write_text(resolved_toml(config, folder))
    assert read_run_file(copy).geometry == config.geometry


def test_hash_changes_with_the_run_only() -> None:
    config = parsed()
    renamed = read_run_file(MINIMAL, folder=Path("/other"), name="else")
    assert config_hash(renamed) == config_hash(config)
    assert config_hash(parsed(parameters__a_R=4)) != config_hash(config)
    assert config_hash(parsed(run__seed=1)) != config_hash(config)


def test_snapshots_end_with_the_run() -> None:
    config = parsed(run__duration="10 day", run__step="3 day", output__snapshots="4 day")
    assert (config.run.fixed_step, config.snapshot_times) == (3, (0, 4, 8, 10))
    *_, before, end = parsed(run__duration="28 day", output__snapshots="0.1 day").snapshot_times
    assert before == pytest.approx(27.9)
    assert end == 28


@pytest.mark.parametrize(
    ("interval", "number", "day"),
    [
        ("0.1 day", 3, 0.3),  # 3 * 0.1 > 0.3 in binary numbers
        ("0.001 day", 90_009, 90.009),
        ("7 h", 24, 7.0),
        ("7 h", 1, 7 / 24),
        ("1 h", 3, 0.125),
        ("0.13157894 day", 7, 0.92105258),
    ],
)
def test_times_of_snapshots_are_multiples_without_rounding(
    interval: str, number: int, day: float
) -> None:
    config = parsed(run__duration="100 day", output__snapshots=interval)
    assert config.snapshot_times[number] == day


def test_snapshots_are_counted() -> None:
    message = (
        "output.snapshots = 0.001 day makes 100001 snapshots in run.duration = 100.001 day, and a "
        "run may have 100000: take them less often"
    )
    with pytest.raises(InputError, match=message):
        parsed(run__duration="100.001 day", output__snapshots="0.001 day")
    most = parsed(run__duration="100 day", output__snapshots="0.001 day")
    assert len(most.snapshot_times) == 100_001  # the start besides
    assert len(parsed(run__duration="200 year").snapshot_times) == 5


def test_the_shortest_run_is_written_out_and_read_again(tmp_path: Path) -> None:
    for duration, snapshots in (("0.001 day", 0.001), ("0.002 day", 0.001), ("0.008 day", 0.002)):
        config = parsed(run__duration=duration)
        assert (config.output.snapshots, config.output.checkpoints) == (snapshots, snapshots)
        assert config.snapshot_times[0] == 0
        assert config.snapshot_times[-1] == config.run.duration
        (tmp_path / "again.toml").write_text(resolved_toml(config), encoding="utf-8")
        assert config_hash(read_run_file(tmp_path / "again.toml")) == config_hash(config)


def test_steps_are_adaptive_unless_told() -> None:
    config = parsed()
    assert (config.run.fixed_step, config.run.accuracy) == (None, 0.002)
    assert config.allowed_error == pytest.approx(0.2)
    finer = parsed(run__step="adaptive", run__accuracy="0.05 %")
    assert (finer.run.fixed_step, finer.run.accuracy) == (None, 0.0005)
    fixed = parsed(run__step="0.5 day")
    assert (fixed.run.fixed_step, fixed.allowed_error) == (0.5, None)


@pytest.mark.parametrize("changes", [{}, {"run__accuracy": "0.03 %"}, {"run__step": "0.3 day"}])
def test_the_choice_of_steps_is_written_out(changes: dict[str, Any], tmp_path: Path) -> None:
    config = parsed(**changes)
    (tmp_path / "again.toml").write_text(resolved_toml(config), encoding="utf-8")
    again = read_run_file(tmp_path / "again.toml")
    assert again.run == config.run
    assert config_hash(parsed(run__accuracy="0.07 %")) != config_hash(config)


@given(st.floats(0.01, 100), st.floats(1e-3, 200))
def test_snapshots_include_start_and_end(duration: float, interval: float) -> None:
    config = parsed()
    run = config.run.model_copy(update={"duration": duration})
    output = config.output.model_copy(update={"snapshots": interval})
    config = config.model_copy(update={"run": run, "output": output})
    times = config.snapshot_times
    assert (times[0], times[-1]) == (0, duration)
    assert list(times) == sorted(set(times))


def test_files_count_by_their_names_alone() -> None:
    def ill(folder: str, name: str = "mask.nrrd") -> RunConfig:
        pannus = {"mask": f"{folder}/{name}"}
        return parsed(
            geometry={"file": f"{folder}/bone.nrrd", "region": f"{folder}/region.nrrd"},
            disease={"pannus": pannus},
        )

    here, there = ill("."), ill("elsewhere")
    assert here.disease.pannus != there.disease.pannus
    assert config_hash(here) == config_hash(there)
    assert resolved_keys(here) == resolved_keys(there)
    assert resolved_keys(here)["disease.pannus.mask"] == '"mask.nrrd"'
    assert config_hash(here) != config_hash(ill(".", "other.nrrd"))
