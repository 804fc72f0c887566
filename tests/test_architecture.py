"""Every layer imports only the layers below it, and other habits that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("kernels", "tissue")
    for path in (ROOT / folder).rglob("*.py")
    if not path.relative_to(ROOT).as_posix().startswith(("tissue/kernels/", "tissue/runs/"))
)

MAY_IMPORT = {
    "kernels": set(),
    "version": set(),
    "errors": set(),
    "display": set(),
    "suggestion": set(),
    "checksum": set(),
    "numerals": {"errors"},
    "units": {"numerals", "errors"},
    "keys": {"units", "numerals", "errors"},
    "machine": {"kernels", "errors", "version"},
    "geometry": {"keys", "checksum", "display", "errors"},
    "mechanics": {"kernels", "display", "errors"},
    "model": {"kernels", "units", "errors"},
    "scenario": {"geometry", "model", "keys", "units", "numerals", "errors"},
    "storage": {
        *("geometry.grid", "model.fields", "model.species", "checksum", "display", "errors"),
        "suggestion",
    },
    "simulation": {
        *("scenario", "storage", "model", "mechanics", "kernels", "geometry", "machine", "units"),
        *("display", "errors", "suggestion", "version"),
    },
    "viewers": {"storage", "model.fields", "errors"},
    "bench": {
        *("simulation", "mechanics", "kernels", "geometry", "machine", "errors"),
    },
    "analysis": {
        *("storage", "geometry", "mechanics", "model.fields", "model.species", "units"),
        *("numerals", "errors"),
    },
    "validation": {
        *("simulation", "scenario", "model", "mechanics", "kernels", "geometry", "errors"),
        "version",
    },
    "verification": {
        *("validation", "simulation", "scenario", "model", "mechanics", "kernels", "geometry"),
        "errors",
    },
    "commands": {
        *(
            "verification",
            "validation",
            "analysis",
            "bench",
            "viewers",
            "simulation",
            "storage",
            "scenario",
            "geometry",
        ),
        *("mechanics", "model", "machine", "units", "numerals", "errors", "suggestion"),
    },
    "cli": {"commands", "errors", "suggestion", "version"},
    "__init__": {
        *("analysis", "simulation", "scenario", "storage", "geometry", "mechanics", "model"),
        *("display", "errors", "version"),
    },
    "__main__": {"cli"},
}
"""Layers, or single files, that a layer may import besides itself."""

KERNELS_ONLY = {"jax", "numpy", "jaxtyping"}
ONLY_IN = {"h5py": ("tissue/storage/", "tissue/geometry/formats/hdf5")} | dict.fromkeys(
    ("matplotlib", "mpl_toolkits"), ("tissue/analysis/",)
)
NAMED_OTHERWISE = {
    "vtkmodules": "vtk",
    "skimage": "scikit-image",
    "PIL": "pillow",
    "pydantic_core": "pydantic",
}
"""Packages that are imported by another name than they are installed by."""

MAY_PRINT = {"cli", "commands"}
LAZY = {"matplotlib", "mpl_toolkits"}
MOST_LINES = 350
LONG_TABLES = {
    "tissue/model/drugs.py",
    "tissue/model/tissue_table.py",
    "tissue/model/disease_table.py",
    "tissue/validation/table.py",
}
FOLDER_OF_A_MACHINE = re.compile(r"(?<![\w.~-])/(?:work|home|root|Users)/\w")


def layer_of(path: str) -> str:
    """The part of the package a file belongs to, such as model or cli."""
    top, *inner = path.removesuffix(".py").split("/")
    return "kernels" if top == "kernels" else inner[0]


def imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """The full name of everything imported, its line, and whether that waits for a call."""
    waiting = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, node.lineno, id(node) in waiting


def violations(path: str, source: str) -> list[str]:
    """Complaints about a file that does what its layer may not do."""
    tree = ast.parse(source)
    found = [
        f"{path}:{line}: {complaint}"
        for name, line, waits in imports(tree)
        if (complaint := objection(path, name, waits))
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if (
            called.endswith(("print", "stdout.write", "stderr.write"))
            and layer_of(path) not in MAY_PRINT
        ):
            found.append(f"{path}:{node.lineno}: only the command line prints")
        if called.endswith("import_module") and layer_of(path) != "__init__":
            found.append(f"{path}:{node.lineno}: an import that no reader sees")
    return found


def objection(path: str, name: str, waits: bool) -> str | None:
    """Why a file may not import something, if it may not."""
    top = name.split(".")[0]
    if not top:
        return f"{name} is relative; write it in full"
    if top == "kernels":
        return "kernels is imported as tissue.kernels"
    if top == "tissue":
        return objection_to_layer(layer_of(path), name)
    if layer_of(path) == "kernels" and top not in KERNELS_ONLY | sys.stdlib_module_names:
        return f"kernels know nothing of {top}"
    if top in ONLY_IN and not path.startswith(ONLY_IN[top]):
        return f"{top} belongs to {' and '.join(ONLY_IN[top])}"
    if top in LAZY and not waits:
        return f"{top} is slow to import; do so in the function that draws"
    return None


def objection_to_layer(layer: str, name: str) -> str | None:
    target = name.removeprefix("tissue").removeprefix(".")
    allowed = MAY_IMPORT[layer] | {layer}
    if any(target == below or target.startswith(f"{below}.") for below in allowed):
        return None
    return f"{layer} may not use {name}"


def source_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(source_of("pyproject.toml"))


def test_every_layer_imports_only_those_below() -> None:
    assert len(FILES) > 30
    assert [line for path in FILES for line in violations(path, source_of(path))] == []


def test_imports_form_no_circle() -> None:
    below = {
        layer: {name.split(".")[0] for name in names} - {layer}
        for layer, names in MAY_IMPORT.items()
    }
    while below:
        lowest = {layer for layer, names in below.items() if not names & below.keys()}
        assert lowest, f"these layers import each other: {sorted(below)}"
        below = {layer: names for layer, names in below.items() if layer not in lowest}


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        (
            "kernels/a.py",
            "from tissue.model.state import State",
            "kernels may not use tissue.model",
        ),
        ("kernels/a.py", "from tissue import __version__", "kernels may not use"),
        ("kernels/a.py", "import scipy.ndimage", "kernels know nothing of scipy"),
        ("kernels/a.py", "from kernels.stencil import shift", "imported as tissue.kernels"),
        ("tissue/model/a.py", "import kernels", "imported as tissue.kernels"),
        (
            "tissue/model/a.py",
            "def f():\n    from tissue.geometry import grid",
            "a.py:2: model may",
        ),
        ("tissue/model/a.py", "from .. import cli", "is relative"),
        ("tissue/model/a.py", "import importlib\nimportlib.import_module('x')", "no reader sees"),
        ("tissue/model/a.py", "import tissue", "model may not use tissue"),
        ("tissue/storage/a.py", "from tissue.geometry.load import Geometry", "storage may not use"),
        ("tissue/storage/a.py", "import tissue.model.step", "storage may not use"),
        ("tissue/analysis/a.py", "from tissue import simulation", "analysis may not use"),
        ("tissue/analysis/a.py", "from tissue.kernels import loop", "analysis may not use"),
        ("tissue/analysis/a.py", "from matplotlib import pyplot", "slow to import"),
        ("tissue/simulation/a.py", "def f():\n    import matplotlib", "belongs to tissue/analysis"),
        ("tissue/simulation/a.py", "import h5py", "belongs to tissue/storage"),
        ("tissue/geometry/load.py", "import h5py", "belongs to tissue/storage"),
        ("tissue/units.py", "from tissue.geometry import grid", "units may not use"),
        ("tissue/simulation/a.py", "print(1)", "only the command line prints"),
        ("tissue/model/a.py", "jax.debug.print('x')", "only the command line prints"),
        ("tissue/model/a.py", "sys.stderr.write('x')", "only the command line prints"),
    ],
)
def test_the_checker_sees(path: str, source: str, complaint: str) -> None:
    (found,) = violations(path, source)
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("kernels/a.py", "import functools, jax\nfrom tissue.kernels.stencil import shift"),
        ("tissue/storage/a.py", "import h5py\nfrom tissue.geometry.grid import Grid"),
        ("tissue/geometry/formats/hdf5_links.py", "import h5py"),
        ("tissue/analysis/a.py", "def f():\n    import matplotlib.pyplot"),
        ("tissue/analysis/a.py", "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
        ("tissue/simulation/a.py", "from tissue.version import __version__"),
        ("tissue/cli.py", "print(1)"),
    ],
)
def test_the_checker_allows(path: str, source: str) -> None:
    assert violations(path, source) == []


def test_every_layer_has_its_rules() -> None:
    assert {layer_of(path) for path in FILES} == set(MAY_IMPORT)


def test_every_third_party_import_is_a_declared_dependency() -> None:
    declared = {
        re.split(r"[^\w.-]", text)[0].lower() for text in project()["project"]["dependencies"]
    }
    used = {
        name.split(".")[0] for path in FILES for name, _, _ in imports(ast.parse(source_of(path)))
    }
    ours = {"tissue", "mpl_toolkits"}
    used = {NAMED_OTHERWISE.get(name, name) for name in used}
    extras = project()["project"]["optional-dependencies"]
    named = {re.split(r"[^\w.-]", text)[0] for texts in extras.values() for text in texts}
    optional = named & used | {"isal"}
    third_party = {name.lower() for name in used - ours - sys.stdlib_module_names}
    assert third_party == declared | optional


def test_every_package_is_packaged() -> None:
    packages = {
        path.rpartition("/")[0].replace("/", ".").replace("kernels", "tissue.kernels", 1)
        for path in FILES
    }
    listed = project()["tool"]["setuptools"]["packages"]
    assert set(listed) == packages | {"tissue.runs"}
    assert len(listed) == len(set(listed))
    assert all((ROOT / path).parent.joinpath("__init__.py").is_file() for path in FILES)


def test_files_are_short_enough_to_read() -> None:
    long = {path: source_of(path).count("\n") for path in FILES if path not in LONG_TABLES}
    assert {path: lines for path, lines in long.items() if lines > MOST_LINES} == {}


def test_no_text_holds_a_path_of_a_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout tells which files are ours")
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "pyproject.toml" in names
    found = []
    for name in names:
        path = ROOT / name
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if b"\0" not in data and FOLDER_OF_A_MACHINE.search(data.decode("utf-8", "replace")):
            found.append(name)
    assert found == []


def test_a_path_of_a_machine_is_recognized() -> None:
    for top in ("work", "home", "root", "Users"):
        assert FOLDER_OF_A_MACHINE.search(f"see /{top}/someone/file")
    assert not FOLDER_OF_A_MACHINE.search("https://example.org/home/page and runs/Users/a")
