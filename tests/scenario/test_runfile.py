"""A run file as text: what is no run file, however odd, is refused at once and in one sentence."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tissue.errors import LONGEST_SHOWN, InputError, printable, shown
from tissue.keys import LONGEST_PATH
from tissue.scenario import runfile
from tissue.scenario.config import read_run_file
from tissue.scenario.library import find

RUN = '[run]\nduration = "1 day"\n[geometry.synthetic]\n'
IMAGE = '[run]\nduration = "1 day"\n[geometry]\nfile = "bone.npy"\n'
PANNUS = RUN + "[disease.pannus]\nmask = "


def written(folder: Path, text: str) -> Path:
    path = folder / "odd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def sentence(read: Callable[[], object]) -> str:
    """The sentence that refuses a run file: at once, on one line and not too long."""
    start = time.process_time()
    with pytest.raises(InputError) as raised:
        read()
    assert time.process_time() - start < 10
    said = str(raised.value)
    assert said.isprintable()
    assert len(said) < 400 + LONGEST_PATH
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return said


DEEP = {
    "lists": "x = " + "[" * 5000 + "]" * 5000,
    "lists in run.seed": "[run]\nseed = " + "[" * 3000 + "]" * 3000,
    "lists that the reader takes": "x = " + "[" * 50 + "]" * 50,
    "inline tables": "x = " + "{a=" * 3000 + "1" + "}" * 3000,
    "a header": "[therapy" + ".a" * 5000 + "]\nb = 1",
    "a header as long as a file": "[therapy" + ".a" * 1_000_000 + "]\nb = 1",
    "a key": "a" + ".a" * 300_000 + " = 1",
    "a key in quotes": "'a'" + ' . "a"' * 100_000 + " = 1",
    "a key in an inline table": "x = {b" + ".a" * 100_000 + " = 1}",
    "a list of tables": "[[therapy" + ".a" * 100_000 + "]]\nb = 1",
    "nine levels": "x = " + "[" * 9 + "]" * 9,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_tables_are_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, DEEP[name] if name == "lists in run.seed" else RUN + DEEP[name])
    said = sentence(lambda: read_run_file(path))
    assert "odd.toml' is not valid: it nests keys, lists or tables more than 8 deep" in said


def test_long_texts_with_dots_are_no_keys(tmp_path: Path) -> None:
    name = ".".join("abc" * 20)
    path = written(tmp_path, f'# {name}\n[run]\nduration = "1 day"\n[geometry]\nfile = "{name}"\n')
    assert read_run_file(path).name == "odd"
    assert read_run_file(str(path)) == read_run_file(path)


@pytest.mark.parametrize(
    "change",
    [
        "run.seed=" + "[" * 5000 + "]" * 5000,
        "run.seed=" + "{a=" * 3000 + "1" + "}" * 3000,
        "run.seed={b" + ".a" * 100_000 + "=1}",
        "run" + ".a" * 100_000 + "=1",
        "run.a.a.a.a.a.a.a.a=1",
    ],
)
def test_deep_overrides_are_refused(tmp_path: Path, change: str) -> None:
    path = written(tmp_path, RUN)
    said = sentence(lambda: read_run_file(path, [change]))
    assert "cannot be set: it nests keys, lists or tables more than 8 deep" in said


def test_deep_tables_of_python_are_refused() -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(100_000):
        inner["run"] = {}
        inner = inner["run"]
    assert "more than 8 deep" in sentence(lambda: read_run_file(deep, name="deep"))
    circle: dict[str, Any] = {"run": {"duration": "1 day"}}
    circle["run"]["run"] = circle
    assert "more than 8 deep" in sentence(lambda: read_run_file(circle, name="circle"))
    while deep:  # Python itself cannot take this apart by one
        deep = deep["run"]


LONG, HUGE = "a" * 200_000, "0x" + "f" * 100_000
VALUES = {
    f"[run]\npreset = '{LONG}'": r"run.preset = 'aaa",
    f"[run]\n'{LONG}' = 1": "run.aaa",
    f"'{LONG}' = 1": "aaaa",
    f"[run]\nduration = '{LONG}'": "run.duration: 'aaa",
    f"[run]\nduration = '1 {LONG}'": "run.duration: '1 aaa",
    f"[run]\nduration = '{'9' * 200_000} day'": "run.duration: '999",
    f"[run]\nduration = '1.{'0' * 6000} day'": "run.duration: '1.000",
    f"[run]\nduration = {HUGE}": "a whole number of about 120413 digits is not a quantity",
    f"[run]\nseed = {HUGE}": "run.seed = a whole number of about 120413 digits must be",
    f"[run]\nseed = {'9' * 6000}": "is not valid TOML: a number in it has thousands of digits",
    f"[run]\nstep = {HUGE}": "run.step: a whole number of about",
    f"[run]\naccuracy = {HUGE}": "run.accuracy: a whole number of about",
    f"[geometry]\nthreshold = {HUGE}": "geometry.threshold = a whole number",
    f"[geometry]\ncrop = [[0, {HUGE}], [0, 2], [0, 3]]": "geometry.crop = [[0, a whole number",
    f"[geometry]\ncrop = [[{HUGE}, 1], [0, 2], [0, 3]]": "geometry.crop = [[a whole number",
    f"[geometry.synthetic]\nshape = [{HUGE}, 8, 8]": "shape = [a whole number of about",
    f"[geometry.synthetic]\nbv_tv = {HUGE}": "bv_tv = a whole number of about",
    f"[output]\nkeep_every = {HUGE}": "output.keep_every = a whole number",
    f"[output]\nfields = {['il1'] * 100_000}": "output.fields: ['il1', 'il1'",
    f"[output]\nfields = ['{LONG}']": "output.fields: 'aaa",
    f"[disease]\nil1_excess = '1 {LONG}'": "disease.il1_excess: '1 aaa",
    f"[parameters]\na_R = '{LONG}'": "parameters.a_R: 'aaa",
    f"[parameters]\na_R = {HUGE}": "parameters.a_R: 'a whole number",
    f"[parameters]\na_R = [{HUGE}]": "parameters.a_R = [a whole number",
    f"[[therapy]]\ndrug = '{LONG}'\ndose = '1 mg'": "therapy[1].drug: 'aaa",
    f"[[therapy]]\ndrug = 'il4'\ndose = '{LONG}'": "therapy[1].dose: 'aaa",
    f"[[therapy]]\ndrug = 'il4'\ndose = {HUGE}": "therapy[1].dose: a whole number",
    "[run]\n'a\\u001b[31m\\n' = 1".replace("'", '"'): "run.a\\x1b[31m\\n is not a known key",
    '[run]\npreset = "\\u001b[31m\\n"': "run.preset = '\\x1b[31m\\n' must be",
    '[boundary.il1."\\n"]\nvalue = "1 pM"': "boundary.il1.\\n is not a known key",
    '[parameters]\n"a\\nR" = 1': "parameters.a\\nR is not a known parameter",
    "[run]\nduration = 1979-05-27": "run.duration: 1979-05-27 is not a quantity",
    "[run]\nduration = 1979-05-27T07:32:00Z": "run.duration: 1979-05-27 07:32:00+00:00 is not",
    "[run]\nduration = nan": "run.duration: 'nan' does not start with a finite number",
}


@pytest.mark.parametrize(("text", "message"), VALUES.items(), ids=range(len(VALUES)))
def test_messages_are_short_and_printable(tmp_path: Path, text: str, message: str) -> None:
    if "duration" not in text:
        text = text if "[run]" in text else f"{text}\n[run]"
        text = text.replace("[run]", '[run]\nduration = "1 day"')
    bone = "" if "[geometry" in text else "[geometry.synthetic]\n"
    said = sentence(lambda: read_run_file(written(tmp_path, f"{text}\n{bone}")))
    assert message in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (f"run.preset={LONG}", "run.preset = 'aaa"),
        (f"run.{LONG}=1", "run.aaa"),
        (f"run.seed={HUGE}", "run.seed = a whole number of about 120413 digits"),
        (f"run.seed={'9' * 6000}", "run.seed = '999"),
        ("run.a\x1b[31m=1", "run.a\\x1b[31m is not a known key"),
        ("run.duration.\n=1", "must look like section.key=value"),
        (f"{LONG}", "the override 'aaa"),
        (f"run.duration.{LONG}=1", "duration is not a table"),
    ],
)
def test_messages_about_overrides_are_short(tmp_path: Path, change: str, message: str) -> None:
    path = written(tmp_path, RUN)
    assert message in sentence(lambda: read_run_file(path, [change]))


PATHS = {
    "~nobodyhere/bone.npy": ": the home folder that ~ stands for is not known: write the path",
    "bo\0ne.npy": "bo\\x00ne.npy' holds a character that no path may have",
    "a" * 5000 + ".npy": "is too long for the name of a file",
    "a/" * 5000 + "b.npy": "is too long for the name of a file",
    "circle.npy": "circle.npy' is a link that leads back to itself",
    "pipe.npy": "pipe.npy' is a pipe or a device: give a file or a folder",
    "/dev/zero": "/dev/zero' is a pipe or a device",
}


@pytest.mark.parametrize("name", PATHS, ids=[name[:12].replace("\0", "") for name in PATHS])
@pytest.mark.parametrize("key", ["geometry.file", "geometry.region", "disease.pannus.mask"])
def test_odd_paths_are_refused(tmp_path: Path, key: str, name: str) -> None:
    (tmp_path / "circle.npy").symlink_to("circle.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    data: dict[str, Any] = {"run": {"duration": "1 day"}, "geometry": {"file": "bone.npy"}}
    table: dict[str, Any] = data
    *tables, last = key.split(".")
    for part in tables:
        table = table.setdefault(part, {})
    table[last] = name
    said = sentence(lambda: read_run_file(data, folder=tmp_path, name="odd"))
    assert said.startswith(f"{key} = '")
    assert PATHS[name] in said


def test_a_home_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"run": {"duration": "1 day"}, "geometry": {"file": "~/bone.npy"}}
    monkeypatch.setenv("HOME", str(tmp_path))
    geometry: Any = read_run_file(data, name="home").geometry
    assert geometry.file == tmp_path.resolve() / "bone.npy"

    def unknown(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    assert "home folder that ~ stands for" in sentence(lambda: read_run_file(data, name="home"))


def test_an_image_that_is_gone_is_left_to_its_reader(tmp_path: Path) -> None:
    data = {"run": {"duration": "1 day"}, "geometry": {"file": "gone/bone.npy"}}
    geometry: Any = read_run_file(data, folder=tmp_path, name="moved").geometry
    assert geometry.file == tmp_path.resolve() / "gone" / "bone.npy"


def test_what_is_no_file_is_no_run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "circle.toml").symlink_to("circle.toml")
    for name, message in {
        "pipe.toml": "pipe.toml' is a pipe or a device: give a file",
        "/dev/zero": "'/dev/zero' is a pipe or a device: give a file",
        ".": "cannot be read: Is a directory",
        "circle.toml": "cannot be read: Too many levels of symbolic links",
        "a" * 300: "cannot be read: File name too long",
        "a\0b\n.toml": "a\\x00b\\n.toml' does not exist",
        "gone\n.toml": "gone\\n.toml' does not exist",
    }.items():
        assert message in sentence(partial(read_run_file, tmp_path / name))
    monkeypatch.setattr(runfile, "LARGEST_FILE", 2_000_000)
    large = written(tmp_path, "#" * 3_000_000)
    assert "odd.toml' has 3 MB: none needs more than 2 MB" in sentence(lambda: read_run_file(large))


def test_names_that_no_file_can_have_are_no_run(tmp_path: Path) -> None:
    for name in ("a" * 5000, "a\0b", "\n", str(tmp_path / "gone")):
        assert sentence(partial(find, name)).startswith("there is no run file '")


ODD = st.one_of(
    st.text(),
    st.integers(),
    st.floats(),
    st.integers(-5, 5).map(lambda power: 16 ** (10 ** abs(power)) * (1 if power > 0 else -1)),
    st.text(min_size=1).map(lambda text: text * 1000),
    st.integers(1, 30).map(lambda depth: [[]] if depth < 2 else nested(depth)),
)


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@settings(max_examples=300, deadline=None)
@given(ODD)
def test_any_value_is_shown_on_one_short_line(value: Any) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) <= LONGEST_SHOWN
    text = str(value) if isinstance(value, str) else "\n"
    assert printable(text).isprintable()
    assert len(printable(text)) <= LONGEST_SHOWN


def test_short_values_are_shown_as_python_writes_them() -> None:
    for value in (3, True, None, 1.5, "28 pM", [[0, 3], [4, 2]], ["il1"] * 9, {"a": {"b": 1}}):
        assert shown(value) == repr(value)
    assert shown(10**40) == "a whole number of about 41 digits"
    assert shown("x" * 100) == "'" + "x" * 37 + "..." + "x" * 38 + "'"


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(start=st.integers(0, len(IMAGE)), content=st.binary(max_size=12))
def test_no_text_of_a_run_file_ends_in_a_traceback(
    tmp_path: Path, start: int, content: bytes
) -> None:
    path = tmp_path / "fuzz.toml"
    path.write_bytes(IMAGE[:start].encode() + content + IMAGE[start:].encode())
    assert told(path).isprintable()


def told(path: Path) -> str:
    """The sentence that refuses a run file, if any."""
    try:
        read_run_file(path)
    except InputError as error:
        return str(error)
    return ""
