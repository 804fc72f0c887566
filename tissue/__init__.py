"""tissue: how inflammation destroys trabecular bone, simulated in 3-D on real micro-CT."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tissue.errors import InputError, RunError, RunStopped
    from tissue.scenario.config import parse_run, read_run_file
    from tissue.scenario.library import examples
    from tissue.simulation.run import run
    from tissue.simulation.simulation import Simulation
    from tissue.storage.results import open_run

_WHERE = {
    "InputError": "tissue.errors",
    "RunError": "tissue.errors",
    "RunStopped": "tissue.errors",
    "parse_run": "tissue.scenario.config",
    "read_run_file": "tissue.scenario.config",
    "examples": "tissue.scenario.library",
    "open_run": "tissue.storage.results",
    "run": "tissue.simulation.run",
    "Simulation": "tissue.simulation.simulation",
}

__all__ = [
    "InputError",
    "RunError",
    "RunStopped",
    "Simulation",
    "examples",
    "open_run",
    "parse_run",
    "read_run_file",
    "run",
]


def __getattr__(name: str) -> Any:
    """The names above, imported when first used: `tissue --help` need not wait for JAX."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'tissue' has no attribute {name!r}")
