"""Metrics of bone under load: stiffness and strength of a solve by finite elements."""

from collections.abc import Collection, Mapping

import jax.numpy as jnp

from tissue.kernels.programs import whole_grid
from tissue.kernels.stencil import Field, total
from tissue.mechanics.compression import AXES, Compression
from tissue.mechanics.strength import apparent_modulus_MPa, failure_load_N, stiffness_N_per_mm
from tissue.model.context import Numerics


def load_metrics(
    found: Mapping[str, Compression],
    bone: Field,
    energy: Field,
    healthy: tuple[float, float],
    given: tuple[Numerics, float],
) -> dict[str, float]:
    """Numbers of a solve, by the names in FINITE_ELEMENT_METRICS.

    Args:
        found: compressions by axis; an axis along which the bone is broken is not among them.
        bone: volume fraction on one device.
        energy: strain energy per volume of bone [MPa].
        healthy: apparent modulus over that of tissue [1] and failure load [N] along z in health.
        given: numerics, and the modulus of tissue [MPa].
    """
    (n, modulus), volume, energy = given, float(total(bone)), jnp.asarray(whole_grid(energy))
    moduli = dict.fromkeys(AXES, 0.0)
    moduli |= {axis: apparent_modulus_MPa(each, modulus) for axis, each in found.items()}
    stiffness = load = 0.0
    if along := found.get("z"):
        stiffness = stiffness_N_per_mm(along, bone.shape, float(n.spacing), modulus)
        load = failure_load_N(along, bone, float(n.spacing), modulus)
    return {
        **{f"apparent_modulus_{axis}_MPa": each for axis, each in moduli.items()},
        "stiffness_z_N_per_mm": stiffness,
        "stiffness_z_change_percent": 100 * (moduli["z"] / modulus / healthy[0] - 1),
        "failure_load_z_N": load,
        "failure_load_z_change_percent": 100 * (load / healthy[1] - 1),
        "mean_energy_density_MPa": float(total(bone * energy)) / volume if volume else 0.0,
        "fe_iterations": float(sum(each.iterations for each in found.values())),
        "fe_residual": float(max((each.residual for each in found.values()), default=0.0)),
    }


def kept_metrics(metrics: Mapping[str, float], broken: Collection[str]) -> dict[str, float]:
    """Metrics of the last solve where a new one failed, by the names in FINITE_ELEMENT_METRICS.

    Args:
        metrics: of the last solve.
        broken: axes along which the bone is broken now; its stiffness and strength there are 0.
    """
    lost = {
        name: -100.0 if name.endswith("_change_percent") else 0.0
        for name in metrics
        if any(f"_{axis}_" in name for axis in broken)
    }
    return {**metrics, **lost, "fe_iterations": 0.0}
