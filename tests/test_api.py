"""The public Python interface: what it lists, what it accepts, and how its objects print."""

import subprocess
import sys

import pytest

import tissue
from tissue import display


def test_names_are_listed_before_their_first_use() -> None:
    code = "import sys, tissue; print(*dir(tissue)); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, loaded = done.stdout.splitlines()
    assert listed.split() == sorted(tissue.__all__)
    assert loaded == "False"


@pytest.mark.parametrize("name", tissue.__all__)
def test_each_name_is_there_and_documented(name: str) -> None:
    public = getattr(tissue, name)
    assert isinstance(public, str) or public.__doc__


def test_parameters_print_as_a_preset_and_what_differs() -> None:
    mouse = tissue.preset("mouse")
    assert "mouse" in repr(mouse)
    assert len(repr(mouse)) < 200


def test_without_a_drawing_function_the_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shown(display.Displayed):
        def __repr__(self) -> str:
            return "<bone>"

    monkeypatch.setattr(display, "draw", None)
    assert Shown()._repr_html_() == "<pre>&lt;bone&gt;</pre>"
