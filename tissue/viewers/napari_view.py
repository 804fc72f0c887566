"""Window of napari with a run, and the script that opens it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tissue.errors import InputError
from tissue.storage.atomic import write_atomically
from tissue.storage.results import Run, open_snapshots
from tissue.viewers.appearance import shown_field
from tissue.viewers.napari_layers import layers

if TYPE_CHECKING:
    from napari import Viewer

FILE_NAME = "view_napari.py"
SCRIPT = """\
# A run of tissue in napari, which needs: pip install "napari[all]"
import napari

from tissue.viewers.napari_view import view

view({folder!r}, {field!r})
napari.run()
"""
FROM_ABOVE_ASIDE = (20.0, 35.0, -20.0)
"""Angles of the first view [degree]."""
ROOM_FOR_CORNERS = 0.7
"""Size of a box seen from a corner, of that at which its face fills the window [1]."""


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

    run = open_snapshots(Path(folder))
    if run is None:
        raise InputError(f"{folder} holds no snapshots; give the folder of a run")
    viewer = napari.Viewer(title=f"tissue: {run.name}", ndisplay=3, **window)
    for layer in layers(run, field):
        viewer.add_layer(Layer.create(*layer))
    viewer.layers.selection.active = next(each for each in viewer.layers[::-1] if each.visible)
    days, overlays = run.times, viewer.canvas.overlays

    def tell_day(_: Any = None) -> None:
        overlays.text.text = f"day {days[viewer.dims.current_step[0]]:g}"

    viewer.dims.events.current_step.connect(tell_day)
    viewer.dims.set_current_step(0, len(days) - 1)
    tell_day()
    overlays.text.position = "top_left"
    overlays.text.visible = overlays.scale_bar.visible = viewer.scene.overlays.axes.visible = True
    viewer.reset_view()
    viewer.scene.camera.angles = FROM_ABOVE_ASIDE
    viewer.scene.camera.zoom *= ROOM_FOR_CORNERS
    return viewer
