"""What a run will do, need and write, told before it starts."""

from dataclasses import dataclass

from tissue.geometry.load import Geometry
from tissue.geometry.synthetic import SyntheticSettings
from tissue.scenario.config import RunConfig
from tissue.simulation.machine import usable_memory

FIELDS_IN_MEMORY = 175
"""Fields alive at the peak of a step: 12.2 GB in all at 256^3 in float32."""

SNAPSHOTS_IN_MEMORY = 2
"""On a slow disk: one that is being written and one that waits."""

PROGRAM_MEMORY = 500_000_000
"""What the program takes besides its fields [bytes]."""

COMPRESSION = 2.5
"""Ratio of a field in a snapshot: bone compresses better, smooth fields less."""

SHORTEST_FLOAT32_STEP = 0.02
"""Step below which rounding of phi costs more than a thousandth of the motion [day]."""

COARSEST_VOXEL = {"mouse": 10.0, "human": 25.0}
"""Voxel edge above which trabeculae of the species lose surface [um]."""


@dataclass(frozen=True)
class Plan:
    """Size of a run.

    Attributes:
        shape: voxels (z, y, x).
        spacing: edge of a voxel [um].
        bv_tv: bone volume fraction at the start.
        steps: how the coupling steps are chosen.
        snapshots: number of snapshots.
        memory: estimated peak [bytes].
        disk: estimated output [bytes].
        warnings: a sentence for every questionable choice.
    """

    shape: tuple[int, int, int]
    spacing: float
    bv_tv: float
    steps: str
    snapshots: int
    memory: int
    disk: int
    warnings: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """The plan in words."""
        nz, ny, nx = self.shape
        voxels = nz * ny * nx
        edge = " x ".join(f"{n * self.spacing / 1e3:.3g}" for n in self.shape)
        return (
            f"grid       {nz} x {ny} x {nx} voxels [z, y, x] of {self.spacing:g} um "
            f"({edge} mm, {voxels / 1e6:.3g} million voxels), BV/TV {self.bv_tv:.4f}",
            f"steps      {self.steps}",
            f"memory     about {_size(self.memory)}",
            f"writes     {self.snapshots} snapshots (about {_size(self.disk)}), metrics.csv, "
            "ledger.csv, run.toml, run.log",
        )


def plan(config: RunConfig, geometry: Geometry) -> Plan:
    """The plan of a run on a geometry."""
    grid = geometry.grid
    item = 4 if config.precision == "float32" else 8
    snapshots = len(config.snapshot_times)
    warnings = [*geometry.warnings, *config.warnings]
    coarsest = COARSEST_VOXEL[config.preset]
    if grid.spacing > coarsest * 1.01:
        synthetic = isinstance(config.geometry, SyntheticSettings)
        key = "geometry.synthetic.spacing" if synthetic else "geometry.resample"
        warnings.append(
            f"voxels of {grid.spacing:g} um are coarse for {config.preset} trabeculae: up to "
            f"{coarsest:g} um keeps their surface; set {key} to a finer voxel"
        )
    if config.precision == "float32" and (config.step or 1) < SHORTEST_FLOAT32_STEP:
        warnings.append(
            f"steps of {config.step:g} day move bone by less than float32 can add up "
            "well: set run.precision to float64 or run.step to "
            f"{SHORTEST_FLOAT32_STEP:g} day or more"
        )
    alive = FIELDS_IN_MEMORY + SNAPSHOTS_IN_MEMORY * len(config.fields)
    memory = PROGRAM_MEMORY + alive * item * grid.voxels
    usable = usable_memory()
    if memory > usable:
        warnings.append(
            f"the run needs about {_size(memory)} of memory and there are {_size(usable)}: "
            "use coarser voxels, a smaller box or float32"
        )
    return Plan(
        shape=grid.shape,
        spacing=grid.spacing,
        bv_tv=float(geometry.bone_volume_fraction.mean()),
        steps=_steps(config),
        snapshots=snapshots,
        memory=memory,
        disk=int(snapshots * len(config.fields) * 4 * grid.voxels / COMPRESSION),
        warnings=tuple(warnings),
    )


def _steps(config: RunConfig) -> str:
    if config.step is not None:
        return f"of {config.step:g} day, or as much less as lands on every snapshot"
    return (
        f"adaptive: {config.allowed_error:g} percentage points of BV/TV change may be lost to time "
        "stepping in a year"
    )


def _size(number: int) -> str:
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
