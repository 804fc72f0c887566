"""Plan of a run: its grid, steps, memory, time and output, before it starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry
from tissue.machine import processes
from tissue.machine.host import free_disk
from tissue.mechanics.compression import bearing_voxels
from tissue.scenario.config import RunConfig
from tissue.simulation.cost import Probe, WallTime, expected_steps, wall_time
from tissue.simulation.devices import number_of_devices
from tissue.simulation.gpus import refuse_large_slab
from tissue.simulation.load_mechanics import load_mechanics
from tissue.simulation.local_forcing import pannus_mask, refuse_misplaced_pannus
from tissue.simulation.machine_forecast import MachineForecast, forecast_here
from tissue.simulation.other_machine import Machine, forecast_elsewhere
from tissue.simulation.output_forecast import OutputForecast, forecast_output
from tissue.simulation.run_warnings import cut_warnings, grid_warnings, joint_warnings
from tissue.simulation.text import size


@dataclass(frozen=True)
class Plan:
    """Size, needs and warnings of a run.

    Attributes:
        shape: voxels (z, y, x).
        spacing: edge of a voxel [um].
        bv_tv: bone volume fraction at the start.
        part: whether only a part of the bone was read or synthesized.
        steps: text about the choice of coupling steps.
        load: text about the mechanics of load.
        output: estimated output.
        keep_every: `output.keep_every` of the run file.
        forecast: memory and time on the machine.
        warnings: a sentence for every questionable choice.
        wall_time: estimate, where this machine was measured.
        notes: positions of masks.
    """

    shape: tuple[int, int, int]
    spacing: float
    bv_tv: float
    part: bool
    steps: str
    load: str
    output: OutputForecast
    keep_every: int
    forecast: MachineForecast
    warnings: tuple[str, ...]
    wall_time: WallTime | None = None
    notes: tuple[str, ...] = ()

    @property
    def memory(self) -> int:
        """Estimated peak memory [bytes]."""
        return self.forecast.need

    def lines(self) -> tuple[str, ...]:
        """Plan as text."""
        nz, ny, nx = self.shape
        voxels = nz * ny * nx
        edge = " x ".join(f"{n * self.spacing / 1e3:.3g}" for n in self.shape)
        return (
            *self.notes,
            f"grid       {nz} x {ny} x {nx} voxels [z, y, x] of {self.spacing:g} um "
            f"({edge} mm, {voxels / 1e6:.3g} million voxels), BV/TV "
            + (f"about {self.bv_tv:.2f}" if self.part else f"{self.bv_tv:.4f}"),
            f"steps      {self.steps}",
            f"load       {self.load}",
            f"memory     {self.forecast.memory}",
            *([f"time       {self.forecast.time}"] if self.forecast.time else []),
            *self.forecast.sharing,
            f"writes     {self._writes()}",
        )

    def _writes(self) -> str:
        made = self.output
        newest = made.checkpoints - made.kept
        checkpoints = f"{made.checkpoints} checkpoints"
        if made.kept:
            checkpoints += f", {made.kept} kept by output.keep_every = {self.keep_every}"
            checkpoints += f" and {newest} as the newest" if newest else ""
        return (
            f"about {size(made.bytes)} in all: {made.snapshots} snapshots (about "
            f"{size(made.snapshot_bytes)}), {checkpoints} (about {size(made.checkpoint_bytes)}), "
            "metrics.csv, ledger.csv, run.toml, run.log, summary.png"
        )


def plan(
    config: RunConfig,
    geometry: Geometry,
    probe: Probe | None = None,
    *,
    full_grid: Grid | None = None,
    loading: int = 0,
    machine: Machine | None = None,
    folder: Path | None = None,
) -> Plan:
    """Plans a run.

    Args:
        config: the run.
        geometry: its bone, or a part of it.
        probe: measured speed of this machine, for the wall time.
        full_grid: grid of the run, where the geometry is only a part of it.
        loading: memory to read or synthesize the complete bone [bytes]; 0 once it is done.
        machine: another machine whose memory and time are predicted; None for this one.
        folder: of the output, which need not exist.

    Raises:
        InputError: the mask of a pannus cannot be read or does not fit the bone, or the grid is too
            large or has too few planes for the devices.
    """
    grid, steps = full_grid or geometry.grid, expected_steps(config)
    devices = machine.devices if machine else number_of_devices(config, grid.shape[0])
    refuse_large_slab(grid.shape, devices)
    warnings = [*geometry.warnings, *config.warnings, *grid_warnings(config, grid)]
    warnings += [] if full_grid else cut_warnings(config, geometry)
    journal = Journal()  # a mask that does not fit is refused before anything that takes long
    if full_grid:
        refuse_misplaced_pannus(config, full_grid, journal)
    else:
        pannus_mask(config, grid, journal)
    warnings += journal.warnings
    bone = geometry.bone_volume_fraction
    mechanics = load_mechanics(config, bone, full_grid.shape if full_grid else None, machine)
    if mechanics.kind == "fe" and not full_grid and processes.first():  # which alone prints them
        warnings += joint_warnings(bone)
    share = bearing_voxels(bone) / bone.size if mechanics.kind == "fe" else None
    solved = round((share or 0) * grid.voxels)
    expected = wall_time(config, grid.voxels, probe, solved_voxels=solved) if probe else None
    if machine:
        assert probe
        forecast = forecast_elsewhere(machine, config, grid.shape, probe, loading, share)
    else:
        forecast = forecast_here(config, grid.shape, expected, loading, share)
    warnings += filter(None, [forecast.warning])
    output = forecast_output(config, bone, grid.voxels, grid.spacing, steps, mechanics.kind)
    warnings += _full_disk(output, folder)
    return Plan(
        shape=grid.shape,
        spacing=grid.spacing,
        bv_tv=float(bone.mean()),
        part=full_grid is not None,
        steps=_steps(config),
        load=mechanics.text,
        output=output,
        keep_every=config.output.keep_every,
        forecast=forecast,
        warnings=tuple(warnings),
        wall_time=expected,
        notes=tuple(journal.log),
    )


def _full_disk(output: OutputForecast, folder: Path | None) -> Iterator[str]:
    """Warning that the disk will be full before the run is finished."""
    free = free_disk(folder) if folder else None
    if free is not None and output.peak_bytes > free:
        yield (
            f"the run writes about {size(output.peak_bytes)} and {folder} has {size(free)} free: "
            "free disk space, choose another folder with --out, or write less often "
            "(output.snapshots, output.keep_every) or fewer fields (output.fields)"
        )


def _steps(config: RunConfig) -> str:
    if config.run.fixed_step is not None:
        return f"of {config.run.fixed_step:g} day or less, to end on every snapshot"
    return (
        f"adaptive: time stepping may change BV/TV by {config.allowed_error:g} percentage points "
        "in a year"
    )
