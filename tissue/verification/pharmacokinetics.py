"""Anakinra after injections against numbers of its label and against a fine quadrature."""

import jax.numpy as jnp
import numpy as np

from tissue.model.drugs import BODY_WEIGHT, DRUGS
from tissue.model.forcing import averaged
from tissue.model.parameters import preset
from tissue.model.pharmacokinetics import Dosing, Exposure, OneCompartmentPK
from tissue.validation.culture import drug, signal
from tissue.validation.simulations import Estimate, Estimates, SimulationCache


def _anakinra(times: np.ndarray) -> OneCompartmentPK:
    amounts = np.full(len(times), 100 / BODY_WEIGHT["human"])
    # with the marrow-plasma ratio that these ranges were computed with
    plain = DRUGS["anakinra"]._replace(marrow_plasma_ratio=0.3)
    return OneCompartmentPK(plain, "human", Dosing(times, amounts), float(times[-1]) + 10)


def anakinra_kinetics(_: SimulationCache) -> Estimates:
    """V25: half-life, time of the peak and bioavailability of anakinra."""
    one = _anakinra(np.zeros(1))
    hours = np.linspace(0.0, 48.0, 4801)
    level = one.concentration(hours / 24)
    peak = int(np.argmax(level))
    late = (hours > 24) & (hours < 36)
    slope = np.polyfit(hours[late], np.log(level[late]), 1)[0]
    area = np.trapezoid(one.plasma(np.linspace(0, 10, 100001)), dx=1e-4)
    given = 100 / BODY_WEIGHT["human"]
    cleared = area * one.kinetics.volume * one.kinetics.elimination
    return [
        Estimate(float(np.log(2) / -slope)),
        Estimate(float(hours[peak])),
        Estimate(100 * float(cleared / given)),
    ]


def one_day_step(_: SimulationCache) -> Estimates:
    """V26: mean signal of a day over that at the mean drug, and that of a step over the mean."""
    kinetics, p, il1 = _anakinra(np.arange(10.0)), preset("human"), 5.0
    times = 9 + (np.arange(20000) + 0.5) / 20000
    levels = kinetics.concentration(times)
    reach = il1 * np.asarray(p.potency(jnp.asarray(float(p.A_0) + levels)))
    mean = float(np.mean(reach / (1 + reach)))
    at_mean = signal(il1, drug(float(levels.mean())), p)
    found = jnp.asarray(Exposure([(1.0, kinetics)]).at_nodes(9.0, 1.0))
    step = averaged(lambda a: jnp.asarray(signal(il1, drug(float(a)), p)), found)
    return [Estimate(mean / at_mean), Estimate(float(step) / mean)]
