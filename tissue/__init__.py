"""tissue: how inflammation destroys trabecular bone, simulated in 3-D on real micro-CT."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tissue import display
from tissue.version import __version__

if TYPE_CHECKING:
    from tissue.errors import InputError, RunError, RunStopped
    from tissue.geometry.load import Geometry, load_image
    from tissue.geometry.synthetic import synthesize
    from tissue.mechanics.strength import strength
    from tissue.model.forcing import Forcing
    from tissue.model.parameters import Parameters, preset
    from tissue.scenario.config import read_run_file
    from tissue.scenario.library import examples
    from tissue.simulation.memory_run import simulate
    from tissue.simulation.run import run
    from tissue.simulation.simulation import Simulation
    from tissue.storage.results import open_run

# JAX reads this when it is loaded: it takes tuning hints of programs kept on disk for missing
# features of the machine, and logs each in a line of 2 kB
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_MODULES = {
    "Forcing": "tissue.model.forcing",
    "Geometry": "tissue.geometry.load",
    "InputError": "tissue.errors",
    "Parameters": "tissue.model.parameters",
    "RunError": "tissue.errors",
    "RunStopped": "tissue.errors",
    "Simulation": "tissue.simulation.simulation",
    "examples": "tissue.scenario.library",
    "load_image": "tissue.geometry.load",
    "open_run": "tissue.storage.results",
    "preset": "tissue.model.parameters",
    "read_run_file": "tissue.scenario.config",
    "run": "tissue.simulation.run",
    "simulate": "tissue.simulation.memory_run",
    "strength": "tissue.mechanics.strength",
    "synthesize": "tissue.geometry.synthetic",
}

__all__ = [
    "Forcing",
    "Geometry",
    "InputError",
    "Parameters",
    "RunError",
    "RunStopped",
    "Simulation",
    "__version__",
    "examples",
    "load_image",
    "open_run",
    "preset",
    "read_run_file",
    "run",
    "simulate",
    "strength",
    "synthesize",
]


def __getattr__(name: str) -> Any:
    """Import of a public name at its first use: `tissue --help` need not wait for JAX."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'tissue' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, so that tab completion lists them before their first use."""
    return __all__


def _card(thing: Any) -> str:
    from tissue.analysis.cards import card

    return card(thing)


def _plot(run: Any) -> Any:
    from tissue.analysis.run_plot import run_plot

    return run_plot(run)


display.draw = _card
display.plot = _plot
