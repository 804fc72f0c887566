"""Registry of the mechanisms that a run file switches on and off; this module needs no JAX."""

from typing import NamedTuple


class Mechanism(NamedTuple):
    """A mechanism of the model.

    Attributes:
        long_name: what it does when it is on.
        parameters: symbols of the parameters that are zero when it is off; the healthy state is
            computed without them, so that only the response to disease changes.
        default: on unless a run file says otherwise.
    """

    long_name: str
    parameters: tuple[str, ...] = ()
    default: bool = True


MECHANISMS = {
    "rankl_induction": Mechanism("IL-1 raises RANKL production", ("a_R",)),
    "opg_suppression": Mechanism("IL-1 lowers OPG production", ("a_O",)),
    "direct_osteoclastogenesis": Mechanism("IL-1 forms osteoclasts with little RANKL", ("a_d",)),
    "osteoclast_activation": Mechanism("IL-1 speeds resorption per osteoclast", ("a_a",)),
    "osteoclast_survival": Mechanism("IL-1 prolongs the life of osteoclasts", ("a_s",)),
    "differentiation_inhibition": Mechanism("IL-1 slows osteoblast differentiation", ("g_d",)),
    "formation_inhibition": Mechanism("IL-1 lowers matrix formation per osteoblast", ("g_f",)),
    "migration_inhibition": Mechanism("IL-1 slows motion of the osteoblast lineage", ("g_m",)),
    "il1_repulsion": Mechanism("the osteoblast lineage moves away from IL-1", ("chi_I",)),
    "osteoclast_chemotaxis": Mechanism("osteoclast precursors move toward RANKL", ("chi_R",)),
    "lining_cells": Mechanism(
        "lining cells become osteoblasts without resorption", ("w_L", "k_P", "k_S")
    ),
    "precursor_supply": Mechanism(
        "IL-1 and TNF raise the supply of osteoclast precursors", ("a_M", "a_MT")
    ),
    "il6_rankl_induction": Mechanism("IL-6 raises RANKL production", ("a_R6",)),
    "tnf_osteoblast_inhibition": Mechanism("TNF inhibits the osteoblast lineage", ("g_T",)),
    "tnf_driven_release": Mechanism(
        "TNF drives the IL-1 and IL-6 that inflammatory cells release", ("w_FT",)
    ),
    "il6_driven_release": Mechanism(
        "IL-6 drives the RANKL that inflammatory cells release", ("w_F6",)
    ),
    "tnf_il1_induction": Mechanism("TNF raises IL-1 production", ("a_TI",)),
    "tnf_osteoclastogenesis": Mechanism("TNF forms osteoclasts with little RANKL", ("a_dT",)),
    "tnf_sensitization": Mechanism("TNF raises the sensitivity to IL-1", ("a_RT",)),
    "osteomorphs": Mechanism("osteoclasts that cannot form wait as osteomorphs", ("sigma_Q",)),
    "tgf_beta_chemotaxis": Mechanism(
        "osteoblast precursors move toward TGF-beta from resorbed matrix", default=False
    ),
}
