"""Window of napari with a run, and the script that opens it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tissue.storage.atomic import write_atomically
from tissue.storage.results import Run, open_run
from tissue.viewers.appearance import shown_field
from tissue.viewers.napari_layers import layers

if TYPE_CHECKING:
    from napari import Viewer

FILE_NAME = "view_napari.py"
SCRIPT = """\
# A run of tissue in napari, which needs: pip install "tissue-sim[napari]"
import napari

from tissue.viewers.napari_view import view

view({folder!r}, {field!r})
napari.run()
"""
FROM_ABOVE_ASIDE = (20.0, 35.0, -20.0)
"""Angles of the first view [degree]."""


def write_script(run: Run, field: str = "", path: Path | None = None) -> Path:
    """Writes a script that opens a run in napari.

    Args:
        run: with one snapshot or more.
        field: that is visible besides the bone; empty for RANKL, where there is.
        path: of the script; view_napari.py in the folder of the run by default.

    Returns:
        The path of the script.

    Raises:
        InputError: the run has no snapshot or no such field.
        OSError: the folder cannot be written to.
    """
    path = path or run.folder / FILE_NAME
    text = SCRIPT.format(folder=str(run.folder.resolve()), field=shown_field(run, field))
    write_atomically(path, text.encode())
    return path


def view(folder: Path | str, field: str = "", **window: Any) -> "Viewer":
    """Opens a window with the last day of a run in 3-D: bone, a plane of a field, and the day.

    Args:
        folder: of the run.
        field: that is visible besides the bone; empty for RANKL, where there is.
        window: options of `napari.Viewer`.

    Returns:
        The viewer; `napari.run()` keeps it open.

    Raises:
        InputError: the run has no snapshot or no such field.
    """
    import napari
    from napari.layers import Layer

    run = open_run(folder)
    viewer = napari.Viewer(title=f"tissue: {run.name}", ndisplay=3, **window)
    for layer in layers(run, field):
        viewer.add_layer(Layer.create(*layer))
    days = run.times

    def tell_day(_: Any = None) -> None:
        viewer.text_overlay.text = f"day {days[viewer.dims.current_step[0]]:g}"

    viewer.dims.events.current_step.connect(tell_day)
    viewer.dims.set_current_step(0, len(days) - 1)
    tell_day()
    viewer.text_overlay.visible = True
    viewer.scale_bar.visible = True
    viewer.axes.visible = True
    viewer.camera.angles = FROM_ABOVE_ASIDE
    return viewer
