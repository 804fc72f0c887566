"""A run writes what it promises, and the same again."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import tissue
from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings
from tissue.model.observables import FINITE_ELEMENT_METRICS, METRICS
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.simulation.folder import prepare_folder
from tissue.simulation.ledger import BOUNDS, LEDGER
from tissue.simulation.provenance import fresh_start, input_hash, provenance
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_report import Record
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import read_snapshot

ROOT = Path(__file__).parents[2]
WRITTEN = {
    *("metrics.csv", "ledger.csv", "run.toml", "run.log"),
    *("run.hdf", "run.hdf.series"),
}
STEPS = (0, 2, 4)
TIMES = (0, 0.5, 1, 1.5, 2)


def test_the_folder_holds_what_was_promised(finished: Run) -> None:
    snapshots = {f"snap_day000{day}.000.hdf" for day in (0, 1, 2)}
    checkpoints = {f"ckpt_day000{day}.000.h5" for day in (1, 2)}
    assert {path.name for path in finished.folder.iterdir()} == WRITTEN | snapshots | checkpoints


def test_snapshots_are_taken_when_due(finished: Run, tiny: RunConfig) -> None:
    heads = [read_snapshot(path) for path in finished.snapshots]
    assert [(head.step, head.time) for head in heads] == [(0, 0), (2, 1), (4, 2)]
    assert all(set(head.fields) == set(tiny.output.fields) for head in heads)
    assert all((head.grid.shape, head.grid.spacing) == ((8, 8, 8), 10) for head in heads)


def test_tables_have_a_row_for_every_step(finished: Run) -> None:
    assert tuple(finished.metrics) == tuple(METRICS)
    assert tuple(finished.ledger) == LEDGER
    assert tuple(finished.metrics["time_day"]) == TIMES
    assert tuple(finished.ledger["time_day"]) == TIMES[1:]
    for name, column in finished.metrics.items():
        assert np.isfinite(column).all() != (name in FINITE_ELEMENT_METRICS), name
    residuals = [name for name in LEDGER if name.endswith("_residual")]
    assert len(residuals) > 8
    assert all((finished.ledger[name] <= BOUNDS["float32"]).all() for name in residuals)


def test_tables_and_snapshots_tell_the_same(finished: Run) -> None:
    for index, row in ((0, 0), (1, 2), (-1, -1)):
        bone = finished.field("bone_volume_fraction", index)
        assert bone.mean(dtype=float) == pytest.approx(finished.metrics["bv_tv"][row], rel=1e-6)
    lost = finished.metrics["bv_tv_change_percent"][-1]
    ratio = finished.metrics["bv_tv"][-1] / finished.metrics["bv_tv"][0]
    assert lost == pytest.approx(100 * (ratio - 1), abs=1e-4)
    assert lost < 0


def test_the_start_is_the_bone_that_was_given(finished: Run, tiny: RunConfig) -> None:
    given = Simulation(tiny).geometry.bone_volume_fraction
    np.testing.assert_array_equal(finished.field("bone_volume_fraction", 0), given.astype("f4"))


def test_a_watcher_sees_every_step(finished: Run, records: list[Record]) -> None:
    assert len(finished.snapshots) == len(STEPS)
    assert [record.metrics["time_day"] for record in records] == list(TIMES[1:])
    assert all(record.iterations["rankl and opg"] > 0 for record in records)


def test_run_toml_gives_the_same_run_again(finished: Run, tiny: RunConfig) -> None:
    again = read_run_file(finished.folder / "run.toml")
    assert again.model_dump() == tiny.model_dump()
    assert config_hash(again) == config_hash(tiny)


def test_run_log_holds_plan_and_warnings(finished: Run) -> None:
    text = (finished.folder / "run.log").read_text()
    assert "INFO grid       8 x 8 x 8 voxels" in text
    assert "INFO steps      of 0.5 day" in text
    assert "WARNING trabeculae are" not in text


def test_logging_is_left_as_it_was(finished: Run) -> None:
    logger = logging.getLogger("tissue")
    assert not [h for h in logger.handlers if isinstance(h, logging.FileHandler)]
    assert finished.metrics


def test_open_run_finds_everything_again(finished: Run) -> None:
    for folder in (finished.folder, str(finished.folder)):
        again = open_run(folder)
        assert again.snapshots == finished.snapshots
        for name, column in finished.metrics.items():
            np.testing.assert_array_equal(again.metrics[name], column)
    with pytest.raises(InputError, match=r"metrics\.csv does not exist"):
        open_run(finished.folder.parent)


def test_two_runs_agree_bit_for_bit(finished: Run, tiny: RunConfig, tmp_path: Path) -> None:
    again = run(tiny, tmp_path)
    for name in ("metrics.csv", "ledger.csv"):
        assert (again.folder / name).read_bytes() == (finished.folder / name).read_bytes()
    for index in range(len(STEPS)):
        for name in tiny.output.fields:
            np.testing.assert_array_equal(again.field(name, index), finished.field(name, index))


def test_python_needs_few_lines(tmp_path: Path) -> None:
    config = tissue.read_run_file(
        {
            "run": {"duration": "1 day"},
            "geometry": {
                "synthetic": {
                    "shape": [8, 8, 8],
                    "spacing": "10 um",
                    "bv_tv": 0.3,
                    "thickness": "30 um",
                }
            },
            "disease": {"il1_excess": "10 pM"},
        },
        folder=tmp_path,
        name="few-lines",
    )
    result = tissue.run(config, tmp_path / "out")
    assert result.metrics["bv_tv"][-1] < result.metrics["bv_tv"][0]
    assert result.field("osteoclasts").shape == (8, 8, 8)


def test_health_stands_still(tiny: RunConfig) -> None:
    simulation = Simulation(tiny.changed({"disease": {}}))
    before = simulation.fields()
    for _ in range(4):
        simulation.advance()
    assert (simulation.step, simulation.time) == (4, 2)
    for name, values in simulation.fields().items():
        # to the tolerance of a step's solves
        np.testing.assert_allclose(values, before[name], rtol=2e-4, atol=1e-6, err_msg=name)


def test_provenance_is_in_every_snapshot(finished: Run, tiny: RunConfig) -> None:
    for path in finished.snapshots:
        with h5py.File(path) as file:
            made = dict(file["provenance"].attrs)
        assert made["config"] == (finished.folder / "run.toml").read_text()
        assert made["config_sha256"] == config_hash(tiny)
        assert made["tissue"] == tissue.__version__
        assert made["seed"] == str(tiny.run.seed)
        assert {"created", "device", "python", "jax", "jaxlib", "numpy", "h5py"} <= set(made)
        assert "input_sha256" not in made


def test_provenance_names_the_image(tmp_path: Path) -> None:
    config = read_run_file(ROOT / "runs" / "shrew.toml")
    image = ROOT / "runs" / "data" / "shrew.nrrd"
    made = fresh_start(config, np.zeros((2, 2, 2)), given=False)
    assert made["bone_sha256"] == hashlib.sha256(bytes(8 * 8)).hexdigest()
    given = fresh_start(config, np.ones((2, 2, 2)), given=True)
    assert "given as an array" in given["geometry"]
    assert given["bone_sha256"] != made["bone_sha256"]
    assert "input_sha256" not in given
    assert made["input_sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    reported = provenance(config, tmp_path, made, 20)
    assert reported["config"] == resolved_toml(config, tmp_path)
    assert made.items() <= reported.items()


def test_a_folder_of_slices_has_a_hash(tmp_path: Path) -> None:
    for name, content in (("a.tif", b"1"), ("b.TIFF", b"2")):
        (tmp_path / name).write_bytes(content)
    assert input_hash(tmp_path) == hashlib.sha256(b"12").hexdigest()


def test_an_earlier_run_is_replaced_only_on_demand(
    finished: Run, tiny: RunConfig, tmp_path: Path
) -> None:
    short = tiny.changed({"run.duration": "0.5 day", "run.step": "0.5 day"})
    run(tiny, tmp_path)
    with pytest.raises(InputError, match=r"already holds a run \(run.toml\); .* --overwrite"):
        run(short, tmp_path)
    assert len(open_run(tmp_path).snapshots) == len(STEPS)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "snap_day0009.000.hdf.tmp").touch()
    done = run(short, tmp_path, overwrite=True)
    assert [path.name for path in done.snapshots] == [
        "snap_day0000.000.hdf",
        "snap_day0000.500.hdf",
    ]
    assert len(done.metrics["time_day"]) == 2
    assert (tmp_path / "run.log").read_text().count("INFO steps ") == 1
    names = {path.name for path in tmp_path.iterdir()}
    kept = {"notes.txt", "ckpt_day0000.000.h5", "ckpt_day0000.500.h5"}
    assert names == WRITTEN | {path.name for path in done.snapshots} | kept


@pytest.mark.parametrize("name", ["metrics.csv", "snap_day0003.000.hdf", "summary.png"])
def test_no_file_of_a_user_is_replaced_unasked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(InputError, match="already holds a run"):
        prepare_folder(tmp_path, overwrite=False)
    prepare_folder(tmp_path, overwrite=True)
    assert (tmp_path / name).read_text() == "precious"


def test_bad_input_leaves_an_earlier_run_intact(tiny: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("precious")
    bad = tiny.changed({"geometry": ImageSettings(tmp_path / "gone.nrrd")})
    with pytest.raises(InputError, match=r"there is no .*gone\.nrrd"):
        run(bad, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_bone_without_a_healthy_state_is_refused(tiny: RunConfig, tmp_path: Path) -> None:
    starving = replace(tiny.parameters, chi_R=1e9)
    with pytest.raises(InputError, match=r"no healthy state .*: osteoclast_precursors fall to"):
        run(tiny.model_copy(update={"parameters": starving}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_never_replaces_what_it_reads(tiny: RunConfig, tmp_path: Path) -> None:
    own = tmp_path / "run.toml"
    own.write_text("# mine\n", encoding="utf-8")
    config = tiny.model_copy()
    config._source = own
    with pytest.raises(InputError, match=r"the run reads .*run\.toml.*another folder"):
        run(config, tmp_path, overwrite=True)
    assert own.read_text(encoding="utf-8") == "# mine\n"
