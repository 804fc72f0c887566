"""HTML of runs, simulations and bones for notebooks: key numbers and a slice through the bone."""

import base64
import html
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIXELS = 160
"""Least edge of the picture."""


def card(shown: Any) -> str:
    """HTML of an object: its text, and the bone in the middle of the box.

    Args:
        shown: a run, a simulation or a geometry. Of a run the bone at the start and at the end are
            drawn, of a simulation the present one.
    """
    text = f"<pre>{html.escape(repr(shown))}</pre>"
    pictures = "".join(
        f'<figure style="margin:0 1em 0 0"><img alt="{title}" src="data:image/png;base64,'
        f'{base64.b64encode(_png(bone)).decode()}"><figcaption>{title}</figcaption></figure>'
        for title, bone in _slices(shown)
    )
    return f'{text}<div style="display:flex">{pictures}</div>'


def _slices(shown: Any) -> list[tuple[str, NDArray[Any]]]:
    if hasattr(shown, "opened"):
        ends = shown.opened[:1] + shown.opened[-1:] if len(shown.opened) > 1 else shown.opened
        return [(f"day {each.time:g}", _middle(each.field(_BONE))) for each in ends]
    if hasattr(shown, "state"):
        return [(f"day {shown.time:g}", _middle(shown.state.bone_volume_fraction))]
    return [("middle of z", _middle(shown.bone_volume_fraction))]


_BONE = "bone_volume_fraction"


def _middle(bone: Any) -> NDArray[Any]:
    return np.asarray(bone[len(bone) // 2], np.float32)


def _png(values: NDArray[Any]) -> bytes:
    from matplotlib.image import imsave

    enlarged = np.kron(values, np.ones((-(-PIXELS // max(values.shape)),) * 2))
    file = BytesIO()
    imsave(file, enlarged, cmap="gray", vmin=0, vmax=1, format="png")
    return file.getvalue()
