"""Synthetic trabecular bone from its volume fraction and thickness.

Two random fields f and g with one dominant wavelength are mixed to -|f| + b g, and bone is where
this exceeds a cut. The first term alone gives plates along the zero level of f, which hang
together however thin they are; the second perforates and thickens them. At low BV/TV a cut
through g alone would fall into separate grains, so b grows with BV/TV. The cut is bisected until
the largest component has the wanted BV/TV, and the wavelength is rescaled until a maximal-sphere
measurement of the result gives the wanted thickness.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import fft, ndimage

from tissue.errors import InputError, RunError, shown
from tissue.geometry.grid import Axes, Grid
from tissue.geometry.journal import Journal, dims
from tissue.geometry.load import Geometry
from tissue.geometry.preparation import partial_volumes
from tissue.geometry.segmentation import closed_pockets, components, mean_thickness
from tissue.geometry.settings import SyntheticSettings, settings_by_name

BANDWIDTH = 0.2
"""Width of the ring of wave numbers, as a share of its radius."""
ELONGATION = 1.25
"""Elongation of the structure along z, the direction of the load."""
MIX_SLOPE, MIX_START = 6.0, 0.05
"""b = 6 (BV/TV - 0.05): above 95 % of all voxels over the cut then hang together (measured)."""
THICKNESS_TABLE = (
    (0.02, 0.035, 0.05, 0.08, 0.10, 0.13, 0.16, 0.20, 0.25, 0.30, 0.40, 0.50, 0.60),
    (0.015, 0.024, 0.036, 0.13, 0.19, 0.26, 0.32, 0.39, 0.44, 0.49, 0.56, 0.63, 0.71),
)
"""BV/TV, and mean thickness in wavelengths at it (measured at 192^3, two seeds): the first try."""
LOWEST, HIGHEST = 0.02, 0.6
"""BV/TV between which the bone and the marrow of such fields both hang together."""
THINNEST = 2.0
"""Thickness in voxels below which plates tear."""
BISECTIONS = 16
BV_TV_TOLERANCE = 0.002
BV_TV_JUMP = 0.006
"""Relative misfit of BV/TV above which loose pieces are removed."""
CUT_ATTEMPTS = 3
"""Most times that loose pieces are removed."""
ATTEMPTS = 6
DAMPING = 0.6
"""Share of the correction taken: in small boxes thickness does not simply follow wavelength."""
GOOD_THICKNESS, GOOD_BV_TV = 0.07, 0.008
"""Relative misfits at which the search for the wavelength ends."""
FAIR_THICKNESS, FAIR_BV_TV = 0.15, 0.01
"""Relative misfits above which the result carries a warning."""
MOST_FINE_VOXELS = 2**27
"""Voxels up to which the grid is refined by two (takes about 3 GB)."""
BYTES_PER_VOXEL = 22
"""Largest memory while bone is synthesized [bytes per voxel of that grid]."""
PART_EDGE = 96
"""Edge of a part that represents a large bone [voxels]: synthesized in two seconds."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class _Draft:
    """One try: the bone [z, y, x], its wavelength and mean thickness [voxels of the bone]."""

    bone: np.ndarray
    wavelength: float
    thickness: float

    def misfit(self, bv_tv: float, thickness: float) -> tuple[float, float]:
        """Relative errors of thickness and BV/TV."""
        return abs(self.thickness / thickness - 1), abs(float(self.bone.mean()) / bv_tv - 1)


def synthesize(
    settings: SyntheticSettings | None = None,
    periodic: Axes = (),
    memory_limit: float = math.inf,
    **values: Any,
) -> Geometry:
    """Synthesize one connected piece of bone without closed pockets, as partial volumes.

    Along a periodic axis opposite faces match, and pieces may be connected through them only.

    Args:
        settings: its size, volume fraction, thickness and seed.
        periodic: axes along which it repeats, -3 to -1 for z, y, x.
        memory_limit: memory that may be used [bytes].
        **values: fields of `SyntheticSettings` where `settings` is not given: shape [voxels],
            spacing and thickness [um] or as text such as "20 um", bv_tv and seed.

    Raises:
        InputError: no such bone fits on this grid.
        RunError: the memory is too small for it.

    References:
        Quiblier, J. Colloid Interface Sci. 98, 84 (1984): cut Gaussian fields as porous media.
    """
    if settings is None:
        settings = settings_by_name(SyntheticSettings, "geometry.synthetic", values)
    elif values or not isinstance(settings, SyntheticSettings):
        raise InputError(
            f"settings = {shown(settings)} must be SyntheticSettings with nothing beside them: "
            "give shape, spacing, bv_tv, thickness and seed by name instead"
        )
    refuse_unmakeable(settings)
    factor = _factor(settings)
    need = BYTES_PER_VOXEL * voxels_synthesized(settings)
    if need > memory_limit:
        raise RunError(
            f"synthesizing bone of {dims(settings.shape)} voxels (z, y, x) takes about"
            f" {need / 1e9:.3g} GB of memory and there are {memory_limit / 1e9:.3g} GB: give a"
            " smaller geometry.synthetic.shape, or use a machine with more memory"
        )
    wanted = factor * settings.thickness / settings.spacing
    draft = _tuned(settings, factor, wanted, periodic)
    journal = Journal()
    fine = settings.spacing / factor
    journal.log.append(
        f"synthetic bone in one piece, seed {settings.seed}: BV/TV {draft.bone.mean():.4f} (wanted"
        f" {settings.bv_tv:g}), mean thickness {draft.thickness * fine:.4g} um (wanted"
        f" {settings.thickness:g}), wavelength {draft.wavelength * fine:.4g} um"
    )
    off_thickness, off_bv_tv = draft.misfit(settings.bv_tv, wanted)
    if off_thickness > FAIR_THICKNESS or off_bv_tv > FAIR_BV_TV:
        journal.warnings.append(
            f"synthetic bone misses its thickness by {off_thickness:.0%} and its BV/TV by"
            f" {off_bv_tv:.1%}: take a larger box, or another geometry.synthetic.seed"
        )
    fraction = partial_volumes(draft.bone, factor, settings.spacing, journal, periodic)
    grid = Grid(settings.shape, settings.spacing)
    return Geometry(grid, fraction, tuple(journal.log), tuple(journal.warnings))


def voxels_synthesized(settings: SyntheticSettings) -> int:
    """Number of voxels of the grid on which a bone is synthesized."""
    return math.prod(settings.shape) * _factor(settings) ** 3


def _factor(settings: SyntheticSettings) -> int:
    """Refinement of the grid on which a bone is synthesized, along each axis."""
    return 2 if 8 * math.prod(settings.shape) <= MOST_FINE_VOXELS else 1


def part_of(settings: SyntheticSettings) -> SyntheticSettings:
    """Settings of a part of a bone that is large enough to represent all of it."""
    wavelength = settings.thickness / _thickness_per_wavelength(settings.bv_tv)
    edge = max(PART_EDGE, math.ceil(max(2 * settings.thickness, wavelength) / settings.spacing))
    nz, ny, nx = (min(n, edge) for n in settings.shape)
    return replace(settings, shape=(nz, ny, nx))


def refuse_unmakeable(settings: SyntheticSettings) -> None:
    """Refuse bone that does not fit on its grid.

    Raises:
        InputError: naming the setting.
    """
    spacing, thickness, bv_tv = settings.spacing, settings.thickness, settings.bv_tv
    if len(settings.shape) != 3 or min(settings.shape) < 8:
        raise InputError(
            f"= {list(settings.shape)} is too small for bone;"
            " give at least 8 voxels along each of z, y, x",
            key="geometry.synthetic.shape",
        )
    if not (np.isfinite(spacing) and spacing > 0):
        raise InputError(
            f"= {spacing} um is not a length; give one above 0", key="geometry.synthetic.spacing"
        )
    if not LOWEST < bv_tv < HIGHEST:
        raise InputError(
            f"= {bv_tv} must lie between {LOWEST} and {HIGHEST}, the range of trabecular bone",
            key="geometry.synthetic.bv_tv",
        )
    thickest = min(settings.shape) * spacing / 2
    if not THINNEST * spacing <= thickness <= thickest:
        raise InputError(
            f"= {thickness:g} um must lie between two voxels"
            f" ({THINNEST * spacing:g} um) and half the box ({thickest:g} um);"
            " change it, the spacing or the shape",
            key="geometry.synthetic.thickness",
        )
    wavelength = thickness / _thickness_per_wavelength(bv_tv)
    longest = max(settings.shape) * spacing
    if wavelength > longest:
        raise InputError(
            f"trabeculae {thickness:g} um thick at BV/TV {bv_tv:g} lie"
            f" about {wavelength:.3g} um apart, more than the longest edge of the box,"
            f" {longest:.3g} um; make the box larger, the thickness smaller or bv_tv larger",
            key="geometry.synthetic.shape",
        )


def _thickness_per_wavelength(bv_tv: float) -> float:
    return float(np.interp(bv_tv, *THICKNESS_TABLE))


def _tuned(settings: SyntheticSettings, factor: int, wanted: float, periodic: Axes) -> _Draft:
    """The best draft while the wavelength is scaled by wanted over measured thickness."""
    wavelength = wanted / _thickness_per_wavelength(settings.bv_tv)
    best: _Draft | None = None
    for _ in range(ATTEMPTS):
        draft = _draft(settings, factor, wavelength, periodic)
        wavelength *= (wanted / draft.thickness) ** DAMPING
        if best is None or _badness(draft, settings, wanted) < _badness(best, settings, wanted):
            best = draft
        if _badness(best, settings, wanted) <= 1:
            break
    assert best is not None
    return best


def _badness(draft: _Draft, settings: SyntheticSettings, wanted: float) -> float:
    """The larger misfit in units of what is good enough."""
    off_thickness, off_bv_tv = draft.misfit(settings.bv_tv, wanted)
    return max(off_thickness / GOOD_THICKNESS, off_bv_tv / GOOD_BV_TV)


def _draft(settings: SyntheticSettings, factor: int, wavelength: float, periodic: Axes) -> _Draft:
    generator = np.random.default_rng(settings.seed)
    values = -np.abs(_ring_field(settings.shape, factor, wavelength, generator))
    mix = MIX_SLOPE * max(0.0, settings.bv_tv - MIX_START)
    values += np.float32(mix) * _ring_field(settings.shape, factor, wavelength, generator)
    bone = _largest_above_cut(values, factor, settings.bv_tv, periodic)
    bone = closed_pockets(bone, periodic).bone
    return _Draft(bone, wavelength, mean_thickness(bone))


def _ring_field(
    shape: Shape, factor: int, wavelength: float, generator: np.random.Generator
) -> np.ndarray:
    """Gaussian random field of unit variance whose wave vectors lie near a sphere.

    Args:
        shape: of the noise it is made from.
        factor: how much finer the result is sampled than the noise, along each axis.
        wavelength: in the x-y plane [samples of the result].
        generator: source of the noise.
    """
    noise = generator.standard_normal(shape, dtype=np.float32)
    spectrum = fft.rfftn(noise, workers=-1, overwrite_x=True)
    nz, ny, nx = shape
    scale = wavelength / factor
    kz = np.fft.fftfreq(nz).astype(np.float32)[:, None, None] * scale * ELONGATION
    ky = np.fft.fftfreq(ny).astype(np.float32)[None, :, None] * scale
    kx = np.fft.rfftfreq(nx).astype(np.float32)[None, None, :] * scale
    radius = np.sqrt(kz**2 + ky**2 + kx**2)
    spectrum *= np.exp(-(((radius - 1) / BANDWIDTH) ** 2) / 2)
    spectrum[0, 0, 0] = 0
    if factor > 1:
        spectrum = _padded(spectrum, shape, factor)
    fine = tuple(size * factor for size in shape)
    field = fft.irfftn(spectrum, s=fine, workers=-1, overwrite_x=True)
    return np.asarray(field / field.std())


def _padded(spectrum: np.ndarray, shape: Shape, factor: int) -> np.ndarray:
    """The same half-spectrum among the frequencies of a finer grid, which stay zero."""
    nz, ny, nx = shape
    padded = np.zeros((nz * factor, ny * factor, nx * factor // 2 + 1), dtype=spectrum.dtype)
    for z in (slice(0, (nz + 1) // 2), slice(-(nz // 2), None)):
        for y in (slice(0, (ny + 1) // 2), slice(-(ny // 2), None)):
            padded[z, y, : spectrum.shape[2]] = spectrum[z, y]
    return padded


def _largest_above_cut(values: np.ndarray, factor: int, bv_tv: float, periodic: Axes) -> np.ndarray:
    """The largest component above a cut, with the wanted share of the box.

    Where a loose piece joins at a certain cut, the share jumps past the wanted one. Such pieces
    are removed and the cut is sought again.
    """
    # Every second sample mostly gives the same cut, at an eighth of the time.
    cut, _ = _cut(values[::factor, ::factor, ::factor], bv_tv, periodic)
    bone = components(values > cut, periodic).bone
    for _ in range(CUT_ATTEMPTS):
        if abs(float(bone.mean()) / bv_tv - 1) <= BV_TV_JUMP:
            break
        cut, above = _cut(values, bv_tv, periodic)
        bone = components(values > cut, periodic).bone
        rest = values > above
        loose = rest & ~components(rest, periodic).bone
        beyond = ["wrap" if axis in periodic else "nearest" for axis in (-3, -2, -1)]
        values[ndimage.maximum_filter(loose, 5, mode=beyond)] = values.min()
    return bone


def _cut(values: np.ndarray, bv_tv: float, periodic: Axes) -> tuple[float, float]:
    """Level above which the largest component has the wanted share of the box.

    Returns:
        that level, and the lowest one tried above which the share is too small.
    """
    sample = np.sort(values[::2, ::2, ::2].ravel())
    low, high = (float(np.quantile(sample, 1 - share)) for share in (min(1.8 * bv_tv, 0.99), bv_tv))
    high += 0.05 * (high - low)
    middle = high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        got = float(components(values > middle, periodic).bone.mean())
        if abs(got / bv_tv - 1) < BV_TV_TOLERANCE:
            break
        low, high = (middle, high) if got > bv_tv else (low, middle)
    return middle, high
