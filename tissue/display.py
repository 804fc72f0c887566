"""Pictures of runs, simulations and bones.

They need the drawing code of a higher layer. `tissue` itself, which is above all layers, gives its
functions here when it is imported.
"""

import html
from collections.abc import Callable
from typing import Any

draw: Callable[[Any], str] | None = None
"""Function that returns the HTML of an object with key numbers and a picture."""

plot: Callable[[Any], Any] | None = None
"""Function that returns the figure of a run."""


class Displayed:
    """Base of the classes that notebooks show with a picture."""

    def _repr_html_(self) -> str:
        return draw(self) if draw else f"<pre>{html.escape(repr(self))}</pre>"
