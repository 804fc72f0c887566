"""Schedule of disease and therapy over the time of a run: the forcing of each of its steps."""

from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from tissue.model.drug_effects import (
    AnabolicActions,
    anabolic_actions,
    anabolic_effect,
    binds_to_bone,
    bone_bound_share,
)
from tissue.model.estrogen import aging_factor, estrogen_loss, estrogen_relaxation
from tissue.model.forcing import Forcing
from tissue.model.pharmacokinetics import exposures
from tissue.model.species import PAIR, SOLUTES
from tissue.model.targets import TARGETS, Concentration
from tissue.scenario.config import RunConfig
from tissue.scenario.therapy import dosing
from tissue.scenario.values import TIME_RTOL
from tissue.simulation.local_forcing import LocalSchedule

FREQUENT = 7.0
"""Longest interval between doses [day] that form one exposure, of which only the start and the end
are stop times of steps."""

KNOCKOUT_FLOOR = 1e-6
"""Production of RANKL or OPG without its gene, over the healthy one [1]: the relative error of a
concentration that is zero has no meaning, and a millionth of either does nothing."""


def stop_times(config: RunConfig) -> tuple[float, ...]:
    """Times inside a run at which its forcing jumps or bends [day], in order; steps end there."""
    disease, duration = config.disease, config.run.duration
    varying = (*disease.excess.values(), disease.il1ra_excess, disease.inflammatory_cells)
    varying += (config.load.factor,)
    found = {time for course in varying for time in course.corners}
    found |= set(disease.estrogen.corners) if disease.estrogen else set()
    for each in config.therapy:
        # what binds to bone does so at a dose, which a step must not pass
        one_exposure = each.interval <= FREQUENT and not binds_to_bone(each.drug)
        found |= {each.times[0], each.until} if one_exposure else set(each.times)
    inside = sorted(t for t in found if TIME_RTOL < t < duration * (1 - TIME_RTOL))
    return tuple(t for i, t in enumerate(inside) if i == 0 or t > inside[i - 1] * (1 + TIME_RTOL))


class ForcingSchedule:
    """Disease and therapy over the time of a run.

    Attributes:
        stop_times: times inside the run at which the forcing jumps or bends [day], in order; steps
            end there.
    """

    def __init__(self, config: RunConfig, local: LocalSchedule | None = None) -> None:
        """Computes the drug exposures of a whole run.

        Args:
            config: the run.
            local: disease that acts in a part of the box only.
        """
        self._config, self._local = config, local
        drugs = sorted({each.drug for each in config.therapy})
        doses = {drug: found for drug in drugs if (found := dosing(config.therapy, drug))}
        self._exposures = exposures(doses, config.run.duration, config.run.preset)
        self._bone_bound = {drug: found for drug, found in doses.items() if binds_to_bone(drug)}
        self.stop_times = stop_times(config)

    def bisphosphonate_dose(self, time: float) -> float:
        """Share of a full dose that binds to bone at a time [day], of all drugs that do."""
        shares = 0.0
        for drug, doses in self._bone_bound.items():
            now = np.abs(doses.times - time) <= TIME_RTOL * max(1.0, time)
            amount = float(doses.amounts[now].sum())
            shares += bone_bound_share(drug, amount, self._config.run.preset)
        return shares

    def forcing(self, time: float, length: float, precision: str) -> Forcing:
        """Forcing of a step: what changes slowly as in its middle, exposures over all of it.

        Args:
            time: start of the step [day].
            length: length of the step [day].
            precision: precision of the fields.
        """
        disease, p, out = self._config.disease, self._config.acting, self._config.knockout.genes
        middle, estrogen = time + 0.5 * length, disease.estrogen
        exposure, anabolic = self._drugs(time, length)
        aging = aging_factor(middle, p) if disease.aging else 1.0
        lost, relaxed = 0.0, 1.0
        if estrogen:
            lost = estrogen_loss(middle, estrogen.loss.at(middle), estrogen.onset, estrogen.ramp)
            relaxed = estrogen_relaxation(middle, estrogen.start, p)
        production = dict.fromkeys(SOLUTES, 1.0)
        production["rankl"] = anabolic.rankl * disease.rankl_production
        production["opg"] = disease.opg_production
        production |= dict.fromkeys(production.keys() & out, 0.0)
        for solute in PAIR:
            production[solute.name] = max(production[solute.name], KNOCKOUT_FLOOR)
        # where osteocytes make all RANKL, none is left without them
        no_osteocytes = KNOCKOUT_FLOOR if p.w_Y == 1 else 0.0
        forcing = Forcing(
            excess={name: course.at(middle) for name, course in disease.excess.items()},
            production=production,
            osteocyte_rankl=no_osteocytes if "osteocyte_rankl" in out else 1.0,
            il1_receptor=float("il1_receptor" not in out),
            il1ra=float("il1ra" not in out),
            il1ra_excess=disease.il1ra_excess.at(middle),
            estrogen_loss=lost,
            estrogen_relaxation=relaxed,
            anabolic=anabolic.recruitment * aging,
            lining_activation=anabolic.activation,
            osteoblast_rankl=anabolic.osteoblast_rankl,
            load=self._config.load.factor.at(middle),
            exposure=exposure,
            local=self._local.at(middle) if self._local else None,
        )
        return jax.tree.map(partial(_rounded, precision=precision), forcing)

    def _drugs(self, time: float, length: float) -> tuple[dict[str, Any], AnabolicActions]:
        """Exposures of a step by target, and the actions of anabolic drugs."""
        at_nodes, effects = {}, {}
        for target, exposure in self._exposures.items():
            action = TARGETS[target].action
            if isinstance(action, Concentration):
                at_nodes[target] = exposure.at_nodes(time, length)
            else:
                species = self._config.run.preset
                effects[target] = anabolic_effect(target, exposure, time, length, species)
        return at_nodes, anabolic_actions(effects, self._config.acting)


def _rounded(value: Any, precision: str) -> Array | np.ndarray:
    """A number or vector of the host in the precision of the run; a field as it is."""
    return value if isinstance(value, Array) else np.asarray(value, precision)
