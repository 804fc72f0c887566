"""A branch continues the state of its parent under another protocol."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulation.diseased_run import (
    assert_same,
    contents,
    cut_after,
    diseased,
)

from tissue.cli import main
from tissue.errors import InputError
from tissue.model.parameters import preset
from tissue.scenario.config import read_run_file
from tissue.simulation.run import run
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run
from tissue.storage.tables import read_table


def test_a_branch_without_changes_is_the_parent(complete: Run, tmp_path: Path) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[2])
    later = [
        {"drug": "anakinra", "dose": "10 mg/kg", "every": "1 day", "start": "1.5 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"},
    ]
    branch = run(diseased(therapy=later), tmp_path / "branch", parent=parent)
    # the branch begins with a damped step: what acts may have changed
    np.testing.assert_allclose(
        branch.metrics["bv_tv"][-1], complete.metrics["bv_tv"][-1], rtol=2e-4
    )
    origin = read_checkpoint(list_checkpoints(branch.folder)[-1]).provenance
    assert origin["parent"] == str(parent.path)
    assert origin["parent_time"] == "1 day"


@pytest.mark.parametrize("name", ["metrics.csv", "ledger.csv"])
def test_a_branch_has_the_rows_of_its_parent(complete: Run, tmp_path: Path, name: str) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[2])
    assert parent.time == 1
    worse = diseased(disease={"il1_excess": "30 pM"}, therapy=[])
    branch = run(worse, tmp_path / "worse", parent=parent)
    before = read_table(complete.folder / name)
    after = read_table(branch.folder / name)
    shared = int(np.count_nonzero(before["time_day"] <= 1))
    assert shared == parent.rows[name] >= 2
    for column, values in before.items():
        np.testing.assert_array_equal(after[column][:shared], values[:shared])
    assert after["time_day"][shared - 1] == 1  # the state at the time of the branch
    assert after["time_day"][shared] > 1
    assert (np.diff(after["time_day"]) > 0).all()


def test_a_branch_at_the_start_has_its_row_once_and_is_resumed(
    complete: Run, tmp_path: Path
) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[0])
    assert parent.time == 0
    worse = diseased(disease={"il1_excess": "30 pM"}, therapy=[])
    branch = run(worse, tmp_path / "out", parent=parent)
    times = branch.metrics["time_day"]
    assert times[0] == 0
    assert (np.diff(times) > 0).all()
    folder = cut_after(branch.folder, tmp_path / "cut", 1)
    run(worse, folder, resume="latest")
    assert_same(branch.folder, folder)


def test_a_branch_that_was_killed_before_its_first_checkpoint_starts_again(
    complete: Run, tmp_path: Path
) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[2])
    worse = diseased(disease={"il1_excess": "30 pM"}, therapy=[])
    branch = run(worse, tmp_path / "out", parent=parent)
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("metrics.csv", "ledger.csv"):
        lines = (branch.folder / name).read_text().splitlines(keepends=True)
        (killed / name).write_text("".join(lines[: parent.rows[name] + 1]))
    run(worse, killed, parent=parent, resume="latest")
    assert_same(branch.folder, killed)
    for path in list_checkpoints(killed):
        path.unlink()
    with pytest.raises(InputError, match="holds results"):
        run(worse, killed, parent=parent, resume="latest")


def test_a_branch_without_the_tables_of_its_parent_says_so(
    complete: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(complete.folder, tmp_path / "parent")
    parent = read_checkpoint(list_checkpoints(tmp_path / "parent")[2])
    (tmp_path / "parent" / "metrics.csv").unlink()
    worse = diseased(disease={"il1_excess": "30 pM"}, therapy=[])
    branch = run(worse, tmp_path / "worse", parent=parent)
    assert branch.metrics["time_day"][0] > 1
    (warning,) = [each for each in caplog.messages if "tables of the parent" in each]
    assert "those of the branch begin at day 1, and figures and pages count" in warning


def test_a_branch_follows_another_protocol(complete: Run, tmp_path: Path) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[2])
    worse = diseased(disease={"il1_excess": "30 pM"}, therapy=[])
    branch = run(worse, tmp_path / "worse", parent=parent)
    assert branch.metrics["bv_tv"][-1] < complete.metrics["bv_tv"][-1]
    assert branch.metrics["il1_receptor_drug_pM"][-1] > 0  # earlier doses still act
    early = diseased(therapy=[{"drug": "denosumab", "dose": "1 mg/kg", "start": "0.5 day"}])
    with pytest.raises(InputError, match="before the branch at 1 day"):
        run(early, tmp_path / "early", parent=parent)
    assert not (tmp_path / "early").exists()


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"parameters": {"a_R": 4}}, f"parameters.a_R ({preset('mouse').a_R:g} there, 4 here)"),
        ({"boundary": {"periodic": ["z"]}}, 'boundary.periodic ([] there, ["z"] here)'),
        ({"mechanisms": {"il1_repulsion": False}}, "mechanisms.il1_repulsion (true there, false"),
        ({"knockout": {"opg": True}}, "knockout.opg (false there, true here)"),
    ],
)
def test_a_branch_of_another_tissue_is_refused_with_the_keys_that_may_change(
    complete: Run, tmp_path: Path, change: dict[str, Any], difference: str
) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[2])
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "new" / "other", tmp_path / "there" / "other"):
        with pytest.raises(InputError, match=re.escape(f"it differs in {difference}")) as refused:
            run(diseased(**change), folder, parent=parent)
        assert str(refused.value).endswith(
            "; a branch may change only run.duration, run.devices, output, run.step, run.accuracy, "
            "disease, load.factor, therapy, boundary.tnf, boundary.il1, boundary.il6, "
            "boundary.rankl, boundary.opg"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert not list((tmp_path / "there").iterdir())


def test_a_branch_by_the_command(complete: Run, tmp_path: Path, capfd: Any) -> None:
    out, change = tmp_path / "out", "disease.il1_excess=30 pM"
    text = (complete.folder / "run.toml").read_text(encoding="utf-8")
    file = tmp_path / "worse.toml"
    file.write_text(text.partition("[[therapy]]")[0], encoding="utf-8")
    words = ["branch", str(complete.folder), str(file), "--quiet"]
    given = [*words, "--out", str(out), "--set", change]
    assert main([*given, "--at", "1 day"]) == 0
    assert main([*given, "--at", "1.2 day"]) == 2
    assert "no checkpoint of day 1.2, only those of days 0, 0.5, 1" in capfd.readouterr().err


@pytest.mark.parametrize("own", [False, True], ids=["the file it was made with", "its run.toml"])
def test_a_branch_is_resumed(complete: Run, tmp_path: Path, own: bool) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[2])
    # a drug of the parent, as any other target would be compiled anew
    worse = diseased(therapy=[{"drug": "zoledronate", "dose": "0.2 mg/kg", "start": "2 day"}])
    branch = run(worse, tmp_path / "out", parent=parent, resume="latest")
    again = run(worse, branch.folder, parent=parent, resume="latest")
    run(worse, branch.folder, resume="latest")
    drugs = [therapy.drug for therapy in read_run_file(branch.folder / "run.toml").therapy]
    assert drugs == ["anakinra", "zoledronate"]  # the first is from the parent
    assert again.metrics["il1_receptor_drug_pM"][-1] > 0  # earlier doses still act
    for number in (0, 2):
        folder = cut_after(branch.folder, tmp_path / f"{number}", number)
        run(read_run_file(folder / "run.toml") if own else worse, folder, resume="latest")
        assert_same(branch.folder, folder)
    with pytest.raises(InputError, match=r"differs in therapy\[2\]"):
        run(diseased(therapy=[]), branch.folder, resume="latest")


def test_a_bisphosphonate_given_at_the_time_of_a_branch_is_given_once(
    complete: Run, tmp_path: Path
) -> None:
    parent = read_checkpoint(list_checkpoints(complete.folder)[3])
    assert parent.time == 1.5
    same_dose = {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"}
    for number, therapy in enumerate(([], [same_dose])):
        branch = run(diseased(therapy=therapy), tmp_path / f"{number}", parent=parent)
        first = read_checkpoint(list_checkpoints(branch.folder)[0])
        np.testing.assert_array_equal(first.state["bisphosphonate"], parent.state["bisphosphonate"])
        again = cut_after(branch.folder, tmp_path / f"again {number}", 1)
        run(diseased(therapy=therapy), again, resume="latest")
        assert_same(branch.folder, again)
    with pytest.raises(InputError, match=r"gives 0.2 mg/kg of zoledronate at 1.5 day, where the"):
        run(diseased(therapy=[same_dose | {"dose": "0.2 mg/kg"}]), tmp_path / "more", parent=parent)
    untreated = run(diseased(therapy=[]), tmp_path / "untreated")
    free = read_checkpoint(list_checkpoints(untreated.folder)[3])
    treated = run(diseased(therapy=[same_dose]), tmp_path / "treated", parent=free)
    start = read_checkpoint(list_checkpoints(treated.folder)[0])
    assert np.max(start.state["bisphosphonate"]) > 0
    assert np.max(free.state["bisphosphonate"]) == 0


def test_a_branch_is_resumed_without_its_parent_and_not_as_another(
    complete: Run, tmp_path: Path, capfd: Any
) -> None:
    folder, parent = tmp_path / "branch", tmp_path / "parent"
    shutil.copytree(complete.folder, parent)
    file = tmp_path / "other.toml"
    text = (parent / "run.toml").read_text(encoding="utf-8")
    file.write_text(text.partition("[[therapy]]")[0], encoding="utf-8")
    words = ["branch", str(parent), str(file), "--out", str(folder), "--resume", "--quiet", "--at"]
    assert main([*words, "1 day"]) == 0
    shutil.rmtree(parent)
    assert main([*words, "1 day"]) == 0
    assert main([*words, "1.5 day"]) == 2
    assert "holds a branch of day 1 and no branch of day 1.5; choose" in capfd.readouterr().err
    shutil.copytree(complete.folder, parent)
    words[4] = str(parent)
    assert main([*words, "1 day"]) == 2
    assert "holds a run and no branch of day 1; choose" in capfd.readouterr().err


def test_a_branch_does_not_replace_its_parent(complete: Run, capfd: Any) -> None:
    file, folder = str(complete.folder / "run.toml"), str(complete.folder)
    words = ["branch", folder, file, "--at", "1 day", "--out", folder, "--overwrite", "--quiet"]
    before = contents(complete.folder)
    assert main([*words, "--set", "disease.il1_excess=9 pM"]) == 2
    assert "the run reads" in capfd.readouterr().err
    assert contents(complete.folder) == before
