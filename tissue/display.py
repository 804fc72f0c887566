"""HTML that notebooks show for runs, simulations and bones.

A picture needs the drawing code of a higher layer. `tissue` itself, which is above all layers,
gives its function here when it is imported.
"""

import html
from collections.abc import Callable
from typing import Any

draw: Callable[[Any], str] | None = None
"""Function that returns the HTML of an object with key numbers and a picture."""


class Displayed:
    """Base of the classes that notebooks show with a picture."""

    def _repr_html_(self) -> str:
        return draw(self) if draw else f"<pre>{html.escape(repr(self))}</pre>"
