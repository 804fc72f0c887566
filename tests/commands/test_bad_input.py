"""Mistakes are reported in one sentence, at once, and leave nothing behind."""

import re
from pathlib import Path

import pytest
from commands.conftest import TINY, Capture, refused

import tissue
from tissue.cli import main

RUN_FILES = {
    "nowhere.toml": (
        "there is no run file '.*nowhere.toml', nor a bundled example run .*tissue list"
    ),
    "slices": "run file '.*slices' cannot be read: Is a directory",
    "garbage.raw": "run file '.*garbage.raw' is not UTF-8 text",
}


@pytest.mark.parametrize("command", ["run", "check", "bench"])
@pytest.mark.parametrize("name", RUN_FILES)
def test_a_wrong_run_file_is_refused(
    capfd: Capture, no_work: None, run_file: Path, command: str, name: str
) -> None:
    assert re.search(RUN_FILES[name], refused(capfd, command, run_file.with_name(name)))


MISTAKES = {
    # the image
    "geometry.file=~nobodyhere/x.nrrd": "geometry.file = '~nobodyhere/x.nrrd': the home folder",
    "geometry.file=/dev/zero": "geometry.file = '/dev/zero' is a pipe or a device",
    "geometry.file="
    + "a" * 5000: r"geometry.file = 'aa.*\.\.\..*' is too long for the name of a file",
    "geometry.file=gone.nrrd": r"file: there is no .*gone\.nrrd",
    "geometry.file=garbage.nrrd": r"garbage\.nrrd cannot be read \(it does not begin as NRRD",
    "geometry.file=garbage.mha": r"garbage\.mha cannot be read",
    "geometry.file=garbage.nii": r"garbage\.nii cannot be read",
    "geometry.file=garbage.tif": r"garbage\.tif cannot be read",
    "geometry.file=garbage.npy": r"garbage\.npy cannot be read",
    "geometry.file=garbage.h5": r"garbage\.h5 cannot be read",
    "geometry.file=garbage.raw": r"the format of garbage\.raw is not known",
    "geometry.file=empty.nrrd": r"empty\.nrrd cannot be read",
    "geometry.file=cut.nrrd": r"cut\.nrrd is cut short: its header promises 512 bytes",
    "geometry.file=slices": "slices holds neither TIFF, .* it holds: nothing",
    "geometry.file=flat.npy": r"flat\.npy has the shape \(8, 8\)",
    "geometry.file=nan.nrrd": r"nan\.nrrd holds 320 NaN",
    "geometry.file=complex.npy": "values of type complex128",
    "geometry.file=two.h5": "geometry.dataset: two.h5 holds several 3-D datasets; name one of",
    "geometry.file=bone.npy": "voxel_size: it is missing",
    "geometry.dataset=one": r"bone\.nrrd is not an HDF5 or netCDF file",
    "geometry.crop=[[0, 8], [0, 8], [0, 9]]": r"geometry.crop = .* does not fit the image of 8 x 8",
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
    "geometry.synthetic.seed=1": "geometry.file is for an image file and does not go with",
    # units and values
    "run.duration=28 pM": "run.duration: '28 pM' is a concentration",
    "run.duration=28": "run.duration: '28' has no unit",
    "run.duration=": "run.duration: '' does not start with a finite number",
    "run.duration=inf day": "run.duration: 'inf day'",
    "run.duration=0 day": "run.duration = '0 day' must be a time between",
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
    "disease.il1_excess=3 pg": "disease.il1_excess: '3 pg' is a mass: a concentration is needed",
    "disease.tnf=1 pgs/mL": "'pgs' in 'pgs/mL' is not a known unit; did you mean 'pg'",
    "parameters.EC50=100 pg/mL": "EC50: '100 pg/mL' is .* with the molar mass of the solute",
    "geometry.voxel_size=4,1 um": "'4,1 um' has a decimal comma: write '4.1 um'",
    "geometry.voxel_size=1,000 um": "decimal comma: write '1000 um' or '1.000 um'",
    "geometry.voxel_size=20 UM": "'UM' is not a known unit; did you mean 'um'",
    "run.duration=1e300 day": "run.duration = '1e300 day' must be a time between 0.001 and 73050",
    "output.snapshots=1e-9 day": "output.snapshots = '1e-9 day' must be a time between 0.001 and",
    "output.checkpoints=1e-9 day": "output.checkpoints = '1e-9 day' must be a time between 0.001",
    "run.seed=0x" + "f" * 9000: "run.seed = a whole number of about 1083. digits must be a whole",
    "run.seed=" + "[" * 40: r"run.seed = '\[+' must be a whole number",
    "run.seed=" + "[" * 5000 + "]" * 5000: "nests keys, lists or tables more than 8 deep",
    "run." + "x" * 9000 + "=1": r"run.xxx.*\.\.\..*xxx is not a known key",
    "output.snapshots=0 day": "output.snapshots = '0 day' must be a time between",
    "output.snapshots=-1 day": "output.snapshots = '-1 day' must be",
    "output.fields=['bone']": "output.fields: 'bone' is not a known field .* among bone_vol",
    "parameters.k_I=0 1/day": "parameters.k_I = '0 1/day' must be > 0",
    "parameters.k_I=-1 1/day": "parameters.k_I = '-1 1/day' must be > 0",
    "parameters.k_I=24 um": "parameters.k_I: '24 um' is a length",
    "run.preset=": "run.preset = '' must be 'mouse' or 'human'",
    "run.precision=float16": "run.precision = 'float16' must be 'float32' or 'float64'",
    "run.accuracy=50 %": "run.accuracy = '50 %' must be .* between 0.001 and 5 %",
    "run.seed=-1": "run.seed = -1 must be a whole number",
    "output.checkpoints=0 day": "output.checkpoints = '0 day' must be a time between",
    "output.checkpoint_every_wall=5 pM": "checkpoint_every_wall: '5 pM' is a concentration",
    "output.keep_every=-1": "output.keep_every = -1 must be a whole number >= 0",
    "disease.tnf=3": "disease.tnf: '3' has no unit",
    "disease.inflammatory_cells=-1 cells/mm^3": "must be a density >= 0",
    "disease.rankl_production=-1": "= -1 must be a number from 0 to 100",
    "disease.estrogen.loss=2": "disease.estrogen.loss = 2 must be a number from",
    "disease.estrogen.onset=-1 day": "onset = '-1 day' must be a time >= 0",
    # where disease acts
    "disease.pannus.faces=['top']": r"faces = .*top.* must be .* among z_low",
    "disease.pannus.depth=3 um": "must be a table whose faces or mask say where the pannus is",
    "disease.pannus.mask=gone.nrrd": r"disease\.pannus\.mask: there is no .*gone\.nrrd",
    "disease.pannus.mask=garbage.nrrd": r"disease\.pannus\.mask: .*garbage\.nrrd cannot be read",
    "boundary.il1.z_low.value=3": "z_low.value: '3' has no unit",
    "boundary.il2.z_low.value=3 pM": "boundary.il2 is not a known key, did you mean",
    "knockout.il1_recepter=true": "did you mean knockout.il1_receptor",
    "knockout.il1=1": "knockout.il1 = 1 must be true or false",
    # the override itself
    "run.duration": "the override 'run.duration' must look like section.key=value",
    "duration=3 day": "must look like section.key=value",
    "run.duration.x=3": "duration is not a table",
}


@pytest.mark.parametrize("change", MISTAKES, ids=[change[:40] for change in MISTAKES])
def test_a_mistake_is_refused_at_once(
    capfd: Capture, no_work: None, run_file: Path, tmp_path: Path, change: str
) -> None:
    out = tmp_path / "out"
    printed = refused(capfd, "run", run_file, "--set", change, "--out", out)
    assert re.search(MISTAKES[change], printed), printed
    assert not out.exists() or list(out.iterdir()) == []  # the next try is free to go
    printed = refused(capfd, "check", run_file, "--set", change)
    assert re.search(MISTAKES[change], printed), printed


THERAPIES = {
    "drug='aspirin', dose='1 mg'": r"therapy\[1\].drug: 'aspirin' is not a known drug .*one of",
    "drug='anakinra'": r"therapy\[1\].dose is missing",
    "drug='anakinra', dose='1 pM'": r"therapy\[1\].dose: '1 pM' is a concentration",
    "drug='anakinra', dose='-1 mg'": r"therapy\[1\].dose: '-1 mg' is not a dose",
    "drug='il4', dose='1 mg', every='0 day'": r"therapy\[1\].every = '0 day' must be",
    "drug='il4', dose='1 mg', start='9 day'": r"therapy\[1\] has a dose at 9 day, after the end",
    "drug='il4', dose='1 mg', every='1e-9 day'": r"every = '1e-9 day' must be a time between 0.001",
    "drug='il4', dose='1 mg', start='-1e300 day'": r"a dose at -1e\+300 day, before the start",
    "drug='anakinra', dose='100 kg'": r"therapy\[1\].dose is 100 kg for a mouse of 0.025 kg",
    "drug='il4', dose='1 mg', often='9 day'": r"therapy\[1\].often is not a known key",
}


@pytest.mark.parametrize("keys", THERAPIES)
def test_a_mistake_in_a_therapy_is_refused(
    capfd: Capture, no_work: None, run_file: Path, keys: str
) -> None:
    table = "\n[[therapy]]\n" + keys.replace(", ", "\n")
    run_file.write_text(run_file.read_text() + table, encoding="utf-8")
    assert re.search(THERAPIES[keys], refused(capfd, "check", run_file))


def test_what_was_assumed_or_is_doubtful_is_reported(capfd: Capture, run_file: Path) -> None:
    table = "\n[[therapy]]\ndrug = 'anakinra'\ndose = '100 mg'\n"
    text = run_file.read_text(encoding="utf-8").replace("3.5 pM", "100 pg/mL")
    run_file.write_text(text + table, encoding="utf-8")
    assert main(["check", str(run_file)]) == 0
    printed = capfd.readouterr().out
    assert (
        "  warning: disease.il1_excess = 100 pg/mL is read as 5.747 pM, with 17.4 kg/mol" in printed
    )
    assert "  warning: therapy[1].dose is 4000 mg/kg of anakinra, or 100 mg in a mouse" in printed


SYNTHETIC_MISTAKES = {
    "shape=[4, 4, 4]": r"geometry.synthetic.shape = \[4, 4, 4\] is too small",
    "shape=[8, 8]": r"geometry.synthetic.shape = \[8, 8\] must be three whole numbers",
    "bv_tv=0.9": r"geometry.synthetic.bv_tv = 0.9 must lie between",
    "thickness=1 um": r"geometry.synthetic.thickness = 1 um must lie between",
    "spacing=0 um": "geometry.synthetic.spacing = '0 um' must be a length > 0",
    "thicknes=30 um": "did you mean geometry.synthetic.thickness",
}


@pytest.mark.parametrize("change", SYNTHETIC_MISTAKES)
def test_a_mistake_in_synthetic_bone_is_refused(
    capfd: Capture, no_work: None, tmp_path: Path, change: str
) -> None:
    setting = f"geometry.synthetic.{change}"
    printed = refused(capfd, "run", TINY, "--set", setting, "--out", tmp_path)
    assert re.search(SYNTHETIC_MISTAKES[change], printed), printed


def test_a_named_key_is_one_of_the_run_file() -> None:
    """Keys in errors and warnings about a bone; each must be there."""
    from tissue.scenario.config import RunConfig
    from tissue.scenario.json_schema import keys

    known = {".".join((*path, key)) for path, table in keys(RunConfig).items() for key in table}
    root = Path(tissue.__file__).parent
    files = [*(root / "geometry").rglob("*.py"), root / "simulation/run_warnings.py"]
    named = {
        found
        for file in files
        for found in re.findall(r"\"(geometry\.[a-z_.]+)\"", file.read_text(encoding="utf-8"))
    }
    assert {"geometry.file", "geometry.resample", "geometry.synthetic.shape"} <= named
    assert named <= known


def test_a_mistake_in_toml_is_reported_with_its_line(capfd: Capture, run_file: Path) -> None:
    run_file.write_text("[run]\nduration = 28 day\n")
    assert "is not valid TOML: " in refused(capfd, "check", run_file)


@pytest.mark.parametrize("blocked", ["file", "file/below", "file/far/below"])
def test_a_folder_that_cannot_be_made_is_refused(
    capfd: Capture, no_work: None, tmp_path: Path, blocked: str
) -> None:
    (tmp_path / "file").touch()
    printed = refused(capfd, "run", TINY, "--out", tmp_path / blocked)
    assert f"{blocked} cannot be written to (" in printed
    assert "--out" in printed


COMMANDS = {
    "run tiny --resume 4": r"--resume '4': give latest, a time such as '7 day', or the path of a",
    "run tiny --resume 4_day": "has no checkpoint of day 4, only those of days none",
    "run tiny --resume gone.h5": r"gone\.h5 does not exist; give a checkpoint",
    "run tiny --resume garbage.h5": r"garbage\.h5 is truncated, damaged or not a checkpoint",
    "run tiny --resume two.h5": r"two\.h5 is HDF5 but not a checkpoint",
    "run tiny --resume slices": "slices",
    "branch gone tiny --at 1_day": "gone has no checkpoint of day 1, only",
    "branch gone tiny --at 1": "--at: '1' has no unit",
    "branch gone tiny --at 1,5_day": "--at: '1,5 day' has a decimal comma: write '1.5 day'",
    "branch gone tiny --at 1_pM": "--at: '1 pM' is a concentration",
    "info gone": "gone does not exist; give a run, a snapshot or a checkpoint",
    "info garbage.h5": r"garbage\.h5 is truncated, damaged or not HDF5",
    "info two.h5": r"two\.h5 is HDF5 but was not written by tissue",
    "info slices": "does not exist; give the folder of a run",
    "index gone": "gone holds no snapshots to index; give the folder of a run",
    "export gone --to npy": "gone holds no snapshots; give the folder of a run",
    "parameters rat": "must be 'mouse' or 'human'",
    "validate --only V99": (
        "--only V99 is not known; it must be among V01 to V24, V27 to V42, V47 to V74"
    ),
    "verify --only V01": "--only V01: use tissue validate --only V01",
    "verify --markdown gone/table.md": r"--markdown gone/table\.md: the folder gone does not exist",
    "metrics garbage.h5 --mineral-density 0": "--mineral-density 0 must be > 0",
    "bench --set run.duration=1_day": "name the run file too",
}


@pytest.mark.parametrize("words", COMMANDS)
def test_a_wrong_file_or_flag_is_refused(
    capfd: Capture,
    no_work: None,
    run_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
) -> None:
    monkeypatch.chdir(run_file.parent)
    before = sorted(run_file.parent.rglob("*"))
    given = [str(TINY) if word == "tiny" else word.replace("_", " ") for word in words.split()]
    if given[0] in ("run", "branch"):
        given += ["--out", str(tmp_path / "out")]
    assert re.search(COMMANDS[words], refused(capfd, *given))
    assert sorted(run_file.parent.rglob("*")) == before
