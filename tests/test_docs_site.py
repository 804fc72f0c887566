"""The documentation builds as a site without a warning, and its pages and commands are tried."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tissue import cli

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("mkdocs", "material", "mkdocstrings")
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md"))

RUN_BY = {
    "README.md": "tests/test_readme.py",
    "docs/api.md": "tests/test_api_docs.py",
    "docs/cluster.md": "tests/test_cluster_docs.py",
    "docs/images.md": "tests/test_docs_site.py",
    "docs/mechanics.md": "tests/test_docs_site.py",
    "docs/run-file.md": "tests/test_readme.py",
    "docs/tutorial.md": "tests/test_tutorial.py",
    "docs/viewers.md": "tests/storage/test_viewers.py",
}
"""Test that runs the blocks of each page that has some."""


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; make docs installs them")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    site = tmp_path / "site"
    assert "six lines" not in (site / "index.html").read_text(encoding="utf-8")
    reference = (site / "reference.html").read_text(encoding="utf-8")
    import tissue

    for name in set(tissue.__all__) - {"__version__"}:
        assert re.search(rf'id="[\w.]*\b{name}"', reference), name
    for page in site.glob("*.html"):  # nothing is fetched from elsewhere
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|img|iframe)[^>]* src=\"?https?:", text), page.name
        assert not re.search(r'<link[^>]* rel="?stylesheet[^>]* href="?https?:', text), page.name


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    hidden = re.search(r"exclude_docs: \|\n((?:  .*\n)+)", text)
    assert hidden
    for page in PAGES:
        listed = re.search(rf": {re.escape(page.name)}$", text, re.MULTILINE)
        assert listed or page.name in hidden[1].split(), page.name


def test_every_page_with_blocks_has_a_test_that_runs_them() -> None:
    for page in (ROOT / "README.md", *PAGES):
        name = page.relative_to(ROOT).as_posix()
        blocks = re.findall(r"^```(?:sh|bash|python|toml)$", page.read_text("utf-8"), re.MULTILINE)
        if blocks and name != "docs/package.md":  # its block is that of README.md
            assert name in RUN_BY, f"{name} has blocks that no test runs"
            assert page.name in (ROOT / RUN_BY[name]).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_on_images_draws_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(
        r"```sh\n(.*?)```", (ROOT / "docs/images.md").read_text("utf-8"), re.DOTALL
    )
    scan = ROOT / "runs" / "data" / "shrew.nrrd"
    (tmp_path / "run.toml").write_text(
        f'[run]\nduration = "1 day"\n[geometry]\nfile = "{scan}"\n'
        'threshold = 128\nresample = "16.4 um"\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(block, comments=True)[1:]) == 0
    assert (tmp_path / "scan.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_page_on_mechanics_prints_a_modulus(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/mechanics.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "docs/mechanics.md", "exec"), {})  # the block itself is what is tested
    modulus, stiffness, load = (float(word) for word in capsys.readouterr().out.split())
    assert 0 < modulus < 14800
    # of a cube of 320 um: stiffness is modulus times area over height
    assert stiffness == pytest.approx(1e-3 * 320 * modulus, rel=1e-6)
    assert load > 0


def commands() -> Iterator[tuple[str, str]]:
    """Command lines of `tissue` in blocks and in code of all pages, with their pages."""
    for page in (ROOT / "README.md", *PAGES):
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:sh|bash|text)\n(.*?)```", text, re.DOTALL)
        blocks += re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
        for block in blocks:
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"\s*(?:\$ +)?tissue [a-z]", line):
                    yield page.name, line.strip().removeprefix("$").strip()
        inline = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for line in re.findall(r"`(tissue [a-z]+ [^`]+)`", inline):
            yield page.name, " ".join(line.split())


COMMANDS = sorted(set(commands()))


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda value: value[:60])
def test_every_command_is_understood(page: str, line: str) -> None:
    words = shlex.split(re.split(r"\s[|>]\s|;|&&", line)[0], comments=True)
    if "..." in words or "COMMAND" in words:
        pytest.skip("a pattern, not a command")
    cli._parsed(*cli._parser(), words[1:])  # a wrong word ends the program, and so this test


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) > 40
    assert {"README.md", "tutorial.md", "viewers.md", "cluster.md"} <= {
        page for page, _ in COMMANDS
    }
