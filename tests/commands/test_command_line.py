"""Command line: the nearest name for a misspelled one, completion by shells, and waiting."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands.conftest import TINY, Capture, refused

import tissue
from tissue.cli import main
from tissue.commands import terminal
from tissue.commands.common import BAD_INPUT
from tissue.commands.completion import SHELLS
from tissue.model.drugs import DRUGS
from tissue.suggestion import did_you_mean, unknown_field


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rnu"], "error: there is no command 'rnu', did you mean run?"),
        (["Report", "x"], "error: there is no command 'Report', did you mean report?"),
        (["xyzzy"], "error: there is no command 'xyzzy'; tissue --help lists the commands"),
        (
            ["run", "shrew", "--overwite"],
            "tissue run: error: there is no option '--overwite', did you mean --overwrite?",
        ),
        (["list", "--jsn"], "tissue list: error: there is no option '--jsn', did you mean --json?"),
        (["list", "--xyzzy=3"], "tissue list: error: there is no option '--xyzzy'"),
        (["check", "shrew", "human"], "tissue check: error: 'human' is one word too many"),
        (["completion", "csh"], "invalid choice: 'csh'"),
    ],
)
def test_a_misspelled_command_or_option_names_the_nearest(
    capfd: Capture, words: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == BAD_INPUT
    out, err = capfd.readouterr()
    assert out == ""
    usage, last = err.rstrip("\n").rsplit("\n", 1)
    assert usage.startswith("usage: tissue")
    assert sentence in last


def test_a_misspelled_run_names_the_nearest(capfd: Capture) -> None:
    assert "did you mean shrew" in refused(capfd, "check", "shrwe")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["report", "runs/out/mien"], "runs/out/mine"),
        (["report", "runs/out/mine", "runs/out/Treated"], "runs/out/treated"),
        (["plot", "mine"], "runs/out/mine"),
        (["metrics", "scan.nrd"], "scan.nrrd"),
        (["info", "./scan.nrd"], "scan.nrrd"),
        (["index", "runs/out/trated"], "runs/out/treated"),
        (["branch", "runs/out/mien", "shrew", "--at", "1 day"], "runs/out/mine"),
        (["new", "scam.nrrd"], "scan.nrrd"),
    ],
)
def test_a_misspelled_folder_or_file_names_the_nearest(
    capfd: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    meant: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "treated"):
        (tmp_path / "runs" / "out" / name).mkdir(parents=True)
    (tmp_path / "scan.nrrd").touch()
    sentence = refused(capfd, *words)
    assert sentence.startswith("tissue: there is no ")
    assert sentence.endswith(f", did you mean {meant}?\n")


def test_a_folder_like_no_other_is_refused_by_its_command(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "out" / "mine").mkdir(parents=True)
    assert "give the folder of a run" in refused(capfd, "report", "xyzzy")
    assert "give the folder of a run" in refused(capfd, "report", "no/xyzzy")


@pytest.mark.parametrize(
    ("name", "known", "clause"),
    [
        ("rnkl", ["rankl", "il1"], "no field 'rnkl', did you mean rankl? (it has rankl, il1)"),
        ("x", ["rankl", "il1"], "no field 'x'; it has rankl, il1"),
        ("il6", ["rankl", "il1"], "no field 'il6'; it has rankl, il1"),
    ],
)
def test_a_misspelled_field_names_the_nearest(name: str, known: list[str], clause: str) -> None:
    assert unknown_field(name, known) == clause


@pytest.mark.parametrize(
    ("name", "clause"),
    [
        ("bone_volum", ", did you mean bone_volume_fraction?"),
        ("RANKL", ", did you mean rankl?"),
        ("zzz", ""),
        ("", ""),
        ("il1" * 100_000, ""),
    ],
)
def test_the_nearest_name_is_near(name: str, clause: str) -> None:
    assert did_you_mean(name, ["bone_volume_fraction", "rankl", "il1"]) == clause


def completed(words: str, folder: Path) -> set[str]:
    """Words that the program offers for a line, asked as bash asks it."""
    answer = folder / "answer"
    environment = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": words,
        "COMP_POINT": str(len(words)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_IFS": "\n",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tissue"], env=environment, cwd=folder, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"")
    return {word.strip() for word in answer.read_text().split("\n")}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tissue ru", {"run"}),
        ("tissue run shr", {"shrew"}),
        ("tissue run m", {"mine.toml"}),
        ("tissue run shrew --over", {"--overwrite"}),
        ("tissue parameters ", {"mouse", "human"}),
        ("tissue drugs ana", {"anakinra"}),
        ("tissue completion ", set(SHELLS)),
    ],
)
def test_the_program_offers_names(tmp_path: Path, words: str, offered: set[str]) -> None:
    (tmp_path / "mine.toml").touch()
    (tmp_path / "m.txt").touch()
    assert "anakinra" in DRUGS
    found = {
        word for word in completed(words, tmp_path) if not word.startswith("-") or "-" in words
    }
    assert found == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_one_it_reads(capfd: Capture, tmp_path: Path, shell: str) -> None:
    assert main(["completion", shell]) == 0
    script = capfd.readouterr().out
    assert "tissue" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script)
    check = [shell, "-n", str(tmp_path / "script")]
    assert subprocess.run(check, capture_output=True, text=True).stderr == ""


def test_bash_completes_with_the_script(capfd: Capture, tmp_path: Path) -> None:
    """The function that bash calls at a tab gets the names from the program."""
    assert main(["completion", "bash"]) == 0
    (tmp_path / "tissue").write_text(f'#!/bin/sh\nexec {sys.executable} -m tissue "$@"\n')
    (tmp_path / "tissue").chmod(0o755)
    root = Path(tissue.__file__).parents[1]
    line = (
        f'{capfd.readouterr().out}\nCOMP_LINE="tissue run shr" COMP_POINT=14 COMP_TYPE=9 '
        "COMP_WORDS=(tissue run shr) COMP_CWORD=2; f=$(complete -p tissue | "
        'sed "s/.*-F //;s/ .*//"); $f tissue shr run; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": f"{root}",
    }
    done = subprocess.run(
        ["bash", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert [word.strip() for word in done.stdout.split()] == ["shrew"], done.stderr


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_what_a_command_waits_for_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    screen = Terminal()
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", screen)
        changed.setenv("COLUMNS", "80")
        with terminal.waiting("compiling"):
            assert screen.getvalue() == "compiling ..."
    assert screen.getvalue() == "compiling ...\r             \r"
    with terminal.waiting("compiling"):
        pass
    assert capfd.readouterr().err == ""


def test_check_shows_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", screen)
        assert main(["check", str(TINY)]) == 0
    assert screen.getvalue().startswith("reading the bone ...\r")
    assert "compiling, and measuring the speed of this machine ...\r" in screen.getvalue()
