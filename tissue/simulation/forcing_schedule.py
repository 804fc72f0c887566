"""Schedule of disease and therapy over the time of a run: the forcing of each of its steps."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from tissue.model.drug_effects import (
    anabolic_effect,
    anabolic_factors,
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
from tissue.simulation.local_forcing import LocalSchedule
from tissue.simulation.step_size import TIME_RTOL

FREQUENT = 7.0
"""Longest interval between doses [day] that form one exposure, of which only the start and the end
are stop times of steps."""

KNOCKOUT_FLOOR = 1e-6
"""Production of RANKL or OPG without its gene, over the healthy one [1]: the relative error of a
concentration that is zero has no meaning, and a millionth of either does nothing."""


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
        given = {each.drug for each in config.therapies}
        doses = {drug: dosing(config.therapies, drug) for drug in sorted(given)}
        self._exposures = exposures(doses, config.duration)
        self._bone_bound = {drug: found for drug, found in doses.items() if binds_to_bone(drug)}
        self.stop_times = self._stop_times()

    def _stop_times(self) -> tuple[float, ...]:
        estrogen, duration = self._config.disease.estrogen, self._config.duration
        found = {estrogen.onset, estrogen.onset + estrogen.ramp} if estrogen else set()
        for each in self._config.therapies:
            # what binds to bone does so at a dose, which a step must not pass
            one_exposure = each.interval <= FREQUENT and not binds_to_bone(each.drug)
            found |= {each.times[0], each.until} if one_exposure else set(each.times)
        inside = sorted(t for t in found if TIME_RTOL < t < duration * (1 - TIME_RTOL))
        return tuple(
            t for i, t in enumerate(inside) if i == 0 or t > inside[i - 1] * (1 + TIME_RTOL)
        )

    def bisphosphonate_dose(self, time: float) -> float:
        """Share of a full dose that binds to bone at a time [day], of all drugs that do."""
        return sum(
            bone_bound_share(
                drug,
                float(
                    doses.amounts[np.abs(doses.times - time) <= TIME_RTOL * max(1.0, time)].sum()
                ),
                self._config.preset,
            )
            for drug, doses in self._bone_bound.items()
        )

    def forcing(self, time: float, length: float, precision: str) -> Forcing:
        """Forcing of a step: what changes slowly as in its middle, exposures over all of it.

        Args:
            time: start of the step [day].
            length: length of the step [day].
            precision: precision of the fields.
        """
        disease, p = self._config.disease, self._config.acting
        middle, out, estrogen = time + 0.5 * length, disease.knockout, disease.estrogen
        at_nodes, effects = {}, {}
        for target, exposure in self._exposures.items():
            action = TARGETS[target].action
            if isinstance(action, Concentration):
                at_nodes[target] = exposure.at_nodes(time, length, action.nodes)
            else:
                effects[target] = anabolic_effect(target, exposure, time, length)
        formation, rankl = anabolic_factors(effects, p)
        if disease.aging:
            formation *= aging_factor(middle, p)
        production = dict.fromkeys(SOLUTES, 1.0)
        production["rankl"] = rankl * disease.rankl_production
        production["opg"] = disease.opg_production
        production |= dict.fromkeys(production.keys() & out, 0.0)
        for solute in PAIR:
            production[solute.name] = max(production[solute.name], KNOCKOUT_FLOOR)
        # where osteocytes make all RANKL, none is left without them
        no_osteocytes = KNOCKOUT_FLOOR if p.w_Y == 1 else 0.0

        def kept(name: str, without: float = 0.0) -> float:
            return without if name in out else 1.0

        forcing = Forcing(
            excess={"tnf": kept("tnf") * disease.tnf, "il1": disease.il1_excess},
            production=production,
            osteocyte_rankl=kept("osteocyte_rankl", no_osteocytes),
            il1_receptor=kept("il1_receptor"),
            il1ra=kept("il1ra"),
            il1ra_excess=disease.il1ra_excess,
            estrogen_loss=estrogen_loss(middle, estrogen.loss, estrogen.onset, estrogen.ramp)
            if estrogen
            else 0.0,
            estrogen_relaxation=estrogen_relaxation(middle, estrogen.onset, p) if estrogen else 1.0,
            anabolic=formation,
            exposure=at_nodes,
            local=self._local.at(middle) if self._local else None,
        )
        return jax.tree.map(partial(jnp.asarray, dtype=precision), forcing)
