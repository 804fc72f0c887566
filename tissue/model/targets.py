"""Registry of drug targets: the actions that the model knows; a drug names its target.

Drugs of one target add up. Which drugs there are stands in `drugs.DRUGS`; only the reference of
an effect is named here. This module needs no JAX.
"""

from typing import NamedTuple


class Concentration(NamedTuple):
    """Action through the concentration in marrow: responses are averaged over that of a step.

    Concentrations of several drugs add up, each times its relative potency.
    """


class AnabolicEffect(NamedTuple):
    """Action on lining cells, osteoblasts and RANKL, in proportion to an effect e.

    Concentrations of several drugs add up, each over its half effect. Every symbol is that of a
    parameter; None where a target does not act so.

    Attributes:
        activation: activates lining cells, + k e [1/day].
        recruitment: osteoblasts per resorption, x(1 + a e).
        osteoblast_rankl: RANKL of osteoblasts over all in health, + r e.
        rankl_reduction: all production of RANKL, x(1 - r e).
        reference: drug whose standard regimen in the species has the effect e = 1, and larger
            doses less than in proportion; None where e = 1 is the largest effect.
    """

    activation: str
    recruitment: str | None = None
    osteoblast_rankl: str | None = None
    rankl_reduction: str | None = None
    reference: str | None = None


class BoneBinding(NamedTuple):
    """Action of what binds to the bone surface at the moment of a dose and stays there.

    Doses of several drugs add up, each over its full dose.
    """


class Target(NamedTuple):
    """A target of drugs.

    Attributes:
        long_name: its name for people, with the effect of a drug there.
        action: how a drug acts there.
    """

    long_name: str
    action: Concentration | AnabolicEffect | BoneBinding


TARGETS = {
    "il1_receptor": Target("IL-1 receptor, blocked", Concentration()),
    "il1_beta": Target("IL-1 beta, neutralized", Concentration()),
    "il1": Target("IL-1 of both forms, neutralized", Concentration()),
    "rankl": Target("RANKL, neutralized", Concentration()),
    "tnf": Target("TNF, neutralized", Concentration()),
    "il6_receptor": Target("IL-6 receptor, blocked", Concentration()),
    "il4_receptor": Target("receptor of IL-4 and IL-10, activated", Concentration()),
    "glucocorticoid_receptor": Target("glucocorticoid receptor, activated", Concentration()),
    "pth_receptor": Target(
        "PTH receptor, activated",
        AnabolicEffect("k_P", "a_P", osteoblast_rankl="r_P", reference="teriparatide"),
    ),
    "sclerostin": Target("sclerostin, neutralized", AnabolicEffect("k_S", rankl_reduction="r_S")),
    "bone_mineral": Target("bone mineral, bound by a bisphosphonate", BoneBinding()),
}
