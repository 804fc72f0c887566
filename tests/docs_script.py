"""Scripts of docs/, loaded as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).resolve().parents[1] / "docs"


def docs_script(name: str) -> ModuleType:
    """A script of docs/, by its name without the ending."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    if str(DOCS) not in sys.path:
        sys.path.append(str(DOCS))  # where the scripts find each other when they are run
    spec.loader.exec_module(module)
    return module
