"""The run file, read, checked and freed of its units."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings
from tissue.geometry.synthetic import SyntheticSettings
from tissue.model.parameters import Parameters, override, preset
from tissue.scenario.disease import AXES, Disease, read_disease, silenced
from tissue.scenario.messages import explain
from tissue.scenario.paths import read_path
from tissue.scenario.runfile import changed, read_toml, refuse_depth
from tissue.scenario.schema import GeometryTable, RunFile, RunTable
from tissue.scenario.solutes import in_moles
from tissue.scenario.therapy import Therapy, doubtful_doses, read_therapies
from tissue.scenario.values import MOST_SNAPSHOTS, SHORTEST_STEP

DEFAULT_ACCURACY = 0.002
"""Error of adaptive steps when the run file gives none [1]: of the 40 % lost in a month of
arthritis nobody measures a twentieth of a percent."""


@dataclass(frozen=True)
class RunConfig:
    """Everything a run needs to know; units are gone.

    Attributes:
        preset: species, "mouse" or "human".
        duration: simulated time [day].
        step: longest coupling step [day]; None for steps as long as `accuracy` allows.
        accuracy: share of the bone at the start by which steps in time may shift its change in a
            run of up to a year [1].
        precision: "float32" or "float64".
        seed: seed of everything random.
        geometry: where the bone comes from.
        disease: what is wrong with the tissue.
        periodic: axes along which the box repeats itself: "z", "y", "x".
        therapies: courses of drugs.
        parameters: the model's parameters, as the run file gives them.
        snapshot_interval: time between snapshots [day].
        fields: names of the fields that snapshots hold.
        checkpoint_interval: simulated time between checkpoints [day].
        checkpoint_wall: longest wall time between them [s].
        keep_every: every so many checkpoints in simulated time are kept for good; 0 for none.
        morphometry: of every snapshot is wanted.
        name: name of the run, the stem of its file.
        warnings: a sentence for every questionable value.
        source: the run file.
    """

    preset: str
    duration: float
    step: float | None
    accuracy: float
    precision: str
    seed: int
    geometry: ImageSettings | SyntheticSettings
    disease: Disease
    periodic: tuple[str, ...]
    therapies: tuple[Therapy, ...]
    parameters: Parameters
    snapshot_interval: float
    fields: tuple[str, ...]
    checkpoint_interval: float
    checkpoint_wall: float
    keep_every: int
    morphometry: bool
    name: str
    warnings: tuple[str, ...]
    source: Path

    @property
    def snapshot_times(self) -> tuple[float, ...]:
        """Times at which a snapshot is written [day], start and end included; steps end there."""
        # less a trifle, lest rounding adds a time next to the end
        count = math.ceil(self.duration / self.snapshot_interval - 1e-9)
        inner = (_unrounded(index * self.snapshot_interval) for index in range(count))
        return (*inner, self.duration)

    @property
    def acting(self) -> Parameters:
        """The parameters with which the run computes: those of silenced mechanisms are zero."""
        return replace(self.parameters, **silenced(self.disease))

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        """The periodic axes as arrays count them from the end, -3 to -1 for z, y, x."""
        return tuple(AXES[name] - 3 for name in self.periodic)

    @property
    def allowed_error(self) -> float | None:
        """Points of BV/TV change [%] that steps may cost in a year; None if they are fixed."""
        return 100 * self.accuracy if self.step is None else None


def read_run_file(path: Path | str, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run file.

    Args:
        path: the run file (TOML); paths inside are relative to its folder.
        overrides: changes such as ``"run.duration=56 day"`` or ``"parameters.a_R=2"``; the value
            is read as TOML where it is that, and as a string otherwise.

    Raises:
        InputError: the file cannot be read, or something in it is wrong.
    """
    path = Path(path)
    data = read_toml(path)
    for text in overrides:
        data = changed(data, text)
    return parse_run(data, path.parent, path.stem)


def parse_run(data: Mapping[str, Any], folder: Path, name: str) -> RunConfig:
    """Check a run given as nested dicts, as a run file would hold them.

    Args:
        data: tables of keys and values.
        folder: folder that paths are relative to.
        name: name of the run.

    Raises:
        InputError: a key is unknown or missing, or a value cannot be used.
    """
    refuse_depth(data)
    in_pm, notes = in_moles(data)
    try:
        file = RunFile.model_validate(in_pm)
    except ValidationError as error:
        raise InputError(explain(error, data)) from None
    folder = folder.resolve()
    run = file.run
    snapshots = file.output.snapshots or max(run.duration / 4, SHORTEST_STEP)
    _refuse_crowd(snapshots, run.duration)
    therapies = read_therapies(file.therapy, run.preset, run.duration)
    parameters, warnings = override(preset(run.preset), file.parameters, species=run.preset)
    return RunConfig(
        preset=run.preset,
        duration=run.duration,
        step=_step(run),
        accuracy=DEFAULT_ACCURACY if run.accuracy is None else run.accuracy,
        precision=run.precision,
        seed=run.seed,
        geometry=_geometry(file.geometry, folder, run.seed),
        disease=read_disease(file.disease, file.knockout, file.boundary, folder),
        periodic=file.boundary.periodic,
        therapies=therapies,
        parameters=parameters,
        snapshot_interval=snapshots,
        fields=file.output.fields,
        checkpoint_interval=file.output.checkpoints or snapshots,
        checkpoint_wall=file.output.checkpoint_every_wall * 86400,
        keep_every=file.output.keep_every,
        morphometry=file.output.morphometry,
        name=name,
        warnings=(*notes, *warnings, *doubtful_doses(therapies, run.preset)),
        source=folder / f"{name}.toml",
    )


def _step(run: RunTable) -> float | None:
    """The fixed step, if there is one."""
    if run.step == "adaptive":
        return None
    if run.accuracy is not None:
        raise InputError("run.accuracy is for run.step = 'adaptive' and does not go with a time")
    if run.step > run.duration:
        raise InputError(
            f"run.step = {run.step:g} day must be at most run.duration = {run.duration:g} day"
        )
    return run.step


def _refuse_crowd(interval: float, duration: float) -> None:
    """Refuses more snapshots than anybody can use."""
    if duration / interval > MOST_SNAPSHOTS:
        raise InputError(
            f"output.snapshots = {interval:g} day makes {duration / interval:.0f} snapshots in "
            f"run.duration = {duration:g} day, and a run may have {MOST_SNAPSHOTS}: take them less "
            "often"
        )


def _unrounded(time: float) -> float:
    """A multiple of an interval [day] as it is written: 3 times 0.1 day is day 0.3.

    The product differs by rounding (4e-16 of it at most), and times name files by all their digits.
    """
    near = round(time, 9)  # the multiples of 7 hours, say, are not that short
    return near if math.isclose(near, time, rel_tol=1e-15) else time


def _geometry(table: GeometryTable, folder: Path, seed: int) -> ImageSettings | SyntheticSettings:
    synthetic = table.synthetic
    if (table.file is None) == (synthetic is None):
        state = "neither is" if synthetic is None else "both are"
        raise InputError(
            f"geometry.file or [geometry.synthetic] must say where the bone comes from: "
            f"exactly one of the two is needed, {state} given"
        )
    if synthetic is not None:
        for key in sorted(table.model_fields_set - {"synthetic"}):
            raise InputError(
                f"geometry.{key} is for an image file and does not go with [geometry.synthetic]"
            )
        return SyntheticSettings(
            shape=synthetic.shape,
            spacing=synthetic.spacing,
            bv_tv=synthetic.bv_tv,
            thickness=synthetic.thickness,
            seed=seed if synthetic.seed is None else synthetic.seed,
        )
    return ImageSettings(
        file=read_path("geometry.file", table.file or "", folder),
        dataset=table.dataset,
        series=table.series,
        voxel_size=table.voxel_size,
        crop=table.crop,
        region=read_path("geometry.region", table.region, folder) if table.region else None,
        smooth=table.smooth,
        threshold=table.threshold,
        resample=table.resample,
        keep_largest=table.keep_largest,
        close_pockets=table.close_pockets,
    )
