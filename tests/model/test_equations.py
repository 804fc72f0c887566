"""Each equation of docs/model.md stands in the docstring of its function, and each one there."""

import ast
import re
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LABEL = re.compile(r"^ *\(([A-Za-z_0-9'+]+(?:, [A-Z])*)\) (.+)$")
FUNCTION = re.compile(r"^[a-z_]+\.[\w.]+$")


class Equation(NamedTuple):
    label: str
    text: str
    function: str


def documented() -> list[Equation]:
    """Labeled equations of the model's page, each with its function on the last line."""
    found: list[Equation] = []
    label, lines = "", []
    for line in (ROOT / "docs/model.md").read_text(encoding="utf-8").splitlines():
        start = LABEL.match(line) if line.startswith("    ") else None
        if start:
            label, lines = start[1], [start[2]]
        elif label and FUNCTION.match(line.strip()):
            found.append(Equation(label, normal(" ".join(lines)), line.strip()))
            label = ""
        elif label:
            lines.append(line)
    return found


def normal(text: str) -> str:
    return " ".join(text.split())


def function_of(name: str) -> object:
    module, *path = name.split(".")
    found: object = import_module(f"tissue.model.{module}")
    for part in path:
        found = getattr(found, part)
    return found


def labels_in_code() -> set[str]:
    """Labels that begin a line of a docstring of the model."""
    found = set()
    for path in (ROOT / "tissue/model").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                lines = (ast.get_docstring(node) or "").splitlines()
                found |= {match[1] for line in lines if (match := LABEL.match(line))}
    return found


@pytest.mark.parametrize("equation", documented(), ids=lambda each: each.label)
def test_the_function_carries_its_equation(equation: Equation) -> None:
    docstring = normal(getdoc(function_of(equation.function)) or "")
    assert f"({equation.label}) {equation.text}" in docstring


def test_every_label_in_the_code_is_on_the_page() -> None:
    documented_labels = {equation.label for equation in documented()}
    assert len(documented_labels) > 40
    assert labels_in_code() == documented_labels


def test_no_label_stands_for_two_equations() -> None:
    labels = [equation.label for equation in documented()]
    assert len(labels) == len(set(labels))
