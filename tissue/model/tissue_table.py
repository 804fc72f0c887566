"""The tissue in health, and what IL-1 does to it: numbers with unit, range and source.

A source that says "remembered" was quoted from memory and "assumption" was chosen by us; "read"
says what of a publication was read. Ranges are what the literature, or the assumption, allows.
"""

# ruff: noqa: RUF009 - `quantity` declares a dataclass field, as `dataclasses.field` does

from dataclasses import dataclass

from tissue.model.quantity import (
    ABOVE_MINUS_ONE,
    CALIBRATED,
    FRACTION,
    NON_NEGATIVE,
    PORTION,
    SHARE,
    UM2_PER_S,
    Scalar,
    quantity,
)


@dataclass(frozen=True, kw_only=True)
class TissueParameters:
    """Healthy densities and concentrations, transport, and the responses to IL-1 and RANKL."""

    # Solutes
    D_I: Scalar = quantity(
        "IL-1 effective diffusivity in marrow (17 kDa)",
        "um^2/day",
        both=(40 * UM2_PER_S, 10 * UM2_PER_S, 100 * UM2_PER_S),
        shown="um^2/s",
        source="Stokes-Einstein free ~100-110 um^2/s x tortuosity 0.3-0.5 (remembered)",
        confidence="medium",
    )
    D_R: Scalar = quantity(
        "sRANKL effective diffusivity in marrow (trimer ~66 kDa)",
        "um^2/day",
        both=(20 * UM2_PER_S, 5 * UM2_PER_S, 60 * UM2_PER_S),
        shown="um^2/s",
        source="Stokes-Einstein x tortuosity as for IL-1, size-scaled (remembered)",
        confidence="medium",
    )
    D_O: Scalar = quantity(
        "OPG effective diffusivity in marrow (dimer ~120 kDa)",
        "um^2/day",
        both=(15 * UM2_PER_S, 4 * UM2_PER_S, 40 * UM2_PER_S),
        shown="um^2/s",
        source="Stokes-Einstein x tortuosity as for IL-1, size-scaled (remembered)",
        confidence="medium",
    )
    eps_min: Scalar = quantity(
        "porosity floor of solutes inside bone",
        "1",
        both=(0.02, 0.005, 0.05),
        source="lacuno-canalicular porosity ~1-5 % (remembered)",
        confidence="medium",
        allowed=FRACTION,
    )
    k_I: Scalar = quantity(
        "IL-1 clearance in tissue",
        "1/day",
        both=(24.0, 8.0, 70.0),
        source="half-life 0.7 h (0.25-2 h) (remembered)",
        confidence="low",
    )
    k_R: Scalar = quantity(
        "RANKL clearance without OPG",
        "1/day",
        both=(5.0, 3.0, 30.0),
        source="Pivonka 2008: 10.13 1/day (read in code: bone-models 0.1.0); 5 because mice "
        "without OPG are severely osteopenic (Bucay 1998, remembered): the less RANKL is lost "
        "otherwise, the more depends on OPG",
        confidence="low",
    )
    k_O: Scalar = quantity(
        "OPG clearance",
        "1/day",
        both=(4.0, 0.35, 20.0),
        source="Lemaire/Pivonka 0.35 1/day (read in code: bone-models 0.1.0); "
        "the faster value keeps it quasi-steady",
        confidence="low",
    )
    kappa: Scalar = quantity(
        "RANKL-OPG effective 1:1 consumption",
        "1/(pM day)",
        both=(0.3, 0.05, 1.0),
        source=f"{CALIBRATED}; = k_on 3.5e6 /M/s; literature Kd 10 nM (Schneeweis 2005 "
        "full-length dimer, read abstract) vs 1 nM (Lemaire 2004, read in code)",
        confidence="low",
    )

    # IL-1 signal and osteoclastogenic drive
    EC50: Scalar = quantity(
        "IL-1 functional half-maximal concentration (spare receptors)",
        "pM",
        both=(13.0, 0.75, 183.0),
        source="half-max: bone formation inhibition 0.75 pM, resorption 38 pM (Stashenko 1987, "
        "read abstract); IL-1alpha resorption 183 pM; value calibrated between them",
        confidence="medium",
    )
    EC50_B: Scalar = quantity(
        "IL-1 functional half-maximal concentration on the osteoblast lineage and on the makers of "
        "osteoclast precursors and IL-6",
        "pM",
        both=(2.6, 0.75, 10.0),
        source="half inhibition of bone nodules at 0.75 pM against 38 pM on resorption (Stashenko "
        "1987 JBMR 2:559, read abstract): with g_d, half of the inhibition comes at 1.2 pM; stroma "
        "makes IL-6 from 0.1 to 10 pM on (Littlewood 1991, read abstract); that of precursors is "
        "an assumption",
        confidence="low",
    )
    K_A: Scalar = quantity(
        "IL-1Ra (anakinra) true affinity for IL-1R1",
        "pM",
        both=(150.0, 50.0, 500.0),
        source="150 pM on EL4 cells (Dripps 1991 J Biol Chem 266:10331, read abstract)",
        confidence="high",
    )
    A_0: Scalar = quantity(
        "endogenous IL-1Ra in marrow",
        "pM",
        both=(330.0, 10.0, 500.0),
        source="calibrated: without it bone must be lost, as marrow then holds more osteoclast "
        "precursors (Ascone 2020) and children have osteolysis; plasma holds 20 to 27 pM (Fischer "
        "1992), synovial fluid 1 nM (abstracts read)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    K_R: Scalar = quantity(
        "RANK functional Kd for free sRANKL",
        "pM",
        both=(90.0, 20.0, 150.0),
        source=f"Lemaire 29 pM (read in code: 0.017/5.8e-4); {CALIBRATED}",
        confidence="low",
    )
    R_perm: Scalar = quantity(
        "permissive RANKL level for direct IL-1 osteoclastogenesis",
        "pM",
        both=(0.5, 0.05, 3.0),
        source="qualitative: Kim 2009, Wei 2005, Moon 2013; value is an assumption",
        confidence="low",
    )
    n_perm: Scalar = quantity(
        "Hill exponent of the permissive RANKL gate",
        "1",
        both=(2.0, 1.0, 4.0),
        source="assumption",
        confidence="low",
    )
    a_R: Scalar = quantity(
        "IL-1 effect on RANKL production, x(1 + a_R s_h)",
        "1",
        both=(1.7, 1.0, 9.0),
        source=f"fold 2-10 in vitro (remembered); {CALIBRATED}",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    a_O: Scalar = quantity(
        "IL-1 effect on OPG production, /(1 + a_O s_h)",
        "1",
        both=(1.7, -0.5, 3.0),
        source="reviews say OPG falls; Hofbauer 1998-99 report that IL-1 raises OPG mRNA in human "
        "osteoblasts (remembered), so negative values are allowed",
        confidence="low",
        allowed=ABOVE_MINUS_ONE,
    )
    a_d: Scalar = quantity(
        "IL-1 direct osteoclastogenesis, added to the RANK occupancy",
        "1",
        both=(0.2, 0.0, 0.6),
        source=f"Kim 2009, Wei 2005 (existence); {CALIBRATED}",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    leak: Scalar = quantity(
        "osteoclastogenic drive that needs neither RANKL nor IL-1",
        "1",
        both=(0.0, 0.0, 0.2),
        source="none is found without RANKL (Kim 2009, Wei 2005, Moon 2013); a switch, whose "
        "range is an assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    chi_act: Scalar = quantity(
        "half point of RANKL-dependent activity of mature osteoclasts, of the healthy signal",
        "1",
        both=(0.2, 0.03, 0.5),
        source="needed for denosumab CTX -80 % in 5 d (Chen 2018, read abstract)",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    a_s: Scalar = quantity(
        "IL-1 effect on osteoclast lifespan, x(1 + a_s s_h)",
        "1",
        both=(0.65, 0.5, 4.0),
        source=f"Jimi 1998 (existence, read abstract); {CALIBRATED}",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    a_a: Scalar = quantity(
        "IL-1 effect on osteoclast activity, x(1 + a_a s_h)",
        "1",
        both=(0.5, 0.0, 2.0),
        source=CALIBRATED,
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    a_M: Scalar = quantity(
        "IL-1 effect on the supply of osteoclast precursors, x(1 + a_M s_Bh)",
        "1",
        both=(1.1, 0.0, 10.0),
        source="marrow without IL-1Ra holds twice as many (Ascone 2020 IJMS 21:3774, read "
        "abstract: long bones and jaw, not vertebrae); calibrated with the loss after "
        "ovariectomy, which leaves a part of that",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    g_d: Scalar = quantity(
        "IL-1 effect on osteoblast differentiation, /(1 + g_d s_B+)",
        "1",
        both=(1.55, 0.2, 10.0),
        source=f"Stashenko 1987 (potent); {CALIBRATED}",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    g_f: Scalar = quantity(
        "IL-1 effect on matrix formation per osteoblast, /(1 + g_f s_B+)",
        "1",
        both=(0.3, 0.0, 3.0),
        source="Stashenko 1987/1991; MAR falls in IL-1-infused mice",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    g_m: Scalar = quantity(
        "IL-1 effect on osteoblast-lineage motility, /(1 + g_m s_B+)",
        "1",
        both=(0.3, 0.0, 5.0),
        source="Hengartner 2013 (read abstract): migration inhibited, a gradient does more; 0.3 is "
        "the part of a uniform IL-1 (assumption), as chi_I carries the gradient",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    # Migration
    D_M: Scalar = quantity(
        "random motility of osteoclast precursors",
        "um^2/day",
        both=(20000.0, 5000.0, 100000.0),
        source="leukocyte random motility ~1e-9..1e-8 cm^2/s (remembered); 1000 starves the "
        "surface in a 2-D check",
        confidence="low",
    )
    D_P: Scalar = quantity(
        "random motility of osteoblast precursors",
        "um^2/day",
        both=(5000.0, 500.0, 10000.0),
        source="v ~20 um/h, persistence ~1 h -> v^2 p/2 (remembered); 300 starves the surface: "
        "healthy BV drift +15..42 % in 120 d in a 2-D check",
        confidence="low",
    )
    chi_R: Scalar = quantity(
        "osteoclast-precursor chemotaxis up the RANK occupancy",
        "um^2/day",
        both=(60000.0, 0.0, 200000.0),
        source="assumption; 3 x D_M",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    chi_I: Scalar = quantity(
        "chemorepulsion of the osteoblast lineage down the IL-1 signal",
        "um^2/day",
        both=(15000.0, 0.0, 30000.0),
        source="Hengartner 2013 gradient result read as repulsion; 3 x D_P",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    D_sC: Scalar = quantity(
        "surface diffusion of osteoclasts along bone",
        "um^2/day",
        both=(100.0, 10.0, 1000.0),
        source="assumption",
        confidence="low",
    )
    D_sB: Scalar = quantity(
        "surface diffusion of osteoblasts along bone",
        "um^2/day",
        both=(20.0, 2.0, 200.0),
        source="assumption",
        confidence="low",
    )

    # Where RANKL and OPG are made
    w_Y: Scalar = quantity(
        "share of the RANKL source at the bone surface, from osteocytes",
        "1",
        both=(0.6, 0.3, 1.0),
        source="Xiong 2011: osteocyte RANKL controls remodeling, osteoblast/progenitor RANKL does "
        "not -> 0.6-1",
        confidence="medium",
        allowed=SHARE,
    )
    v_B: Scalar = quantity(
        "share of the OPG source from osteoblasts (rest: stroma)",
        "1",
        both=(0.6, 0.2, 1.0),
        source="Pivonka: active osteoblasts (read in code: bone-models 0.1.0)",
        confidence="low",
        allowed=SHARE,
    )

    # A second source of osteoblasts: lining cells
    L_0: Scalar = quantity(
        "lining cells on the bone surface",
        "cells/mm^2",
        mouse=(3000.0, 500.0, 6000.0),
        human=(620.0, 200.0, 2000.0),
        source="calibrated: human on the rise of P1NP under romosozumab, mouse on the gain under "
        "teriparatide; most of the surface is lined (remembered)",
        confidence="low",
    )
    w_L: Scalar = quantity(
        "share of healthy osteoblasts that lining cells become, without resorption",
        "1",
        both=(0.05, 0.0, 0.2),
        source="3.8 % of the cancellous surface of untreated women forms bone without resorption "
        "(biopsies of FRAME, Eriksen 2022, read abstract); mice: assumption",
        confidence="medium",
        allowed=PORTION,
    )
    delta_L: Scalar = quantity(
        "death rate of lining cells, which retiring osteoblasts replace",
        "1/day",
        mouse=(0.007, 0.001, 0.02),
        human=(0.0015, 0.0003, 0.006),
        source="calibrated: lining cells are replaced so slowly that formation falls below its "
        "start within a year of romosozumab (label, read); mouse: assumption",
        confidence="low",
    )
    k_P: Scalar = quantity(
        "teriparatide at its usual dose: activation of lining cells",
        "1/day",
        mouse=(0.06, 0.005, 0.5),
        human=(0.024, 0.002, 0.2),
        source="lining cells become osteoblasts within a week without dividing (Dobnig & Turner "
        "1995, read abstract); calibrated on P1NP and the gain of the spine",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    k_S: Scalar = quantity(
        "full sclerostin blockade: activation of lining cells",
        "1/day",
        mouse=(0.1, 0.005, 0.5),
        human=(0.17, 0.01, 0.5),
        source="lining cells are reactivated within a week (Kim 2017, read abstract); calibrated "
        "on P1NP, +145 % after two weeks of romosozumab (label, read)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    kappa_E: Scalar = quantity(
        "coupling store of half the largest recruitment of osteoblasts, over the healthy store",
        "1",
        both=(15.0, 2.0, 100.0),
        source="calibrated: formation under IL-1 falls in absolute terms (Nguyen 1991), and "
        "follows resorption by RANKL within 10 % (PTH there, read abstract)",
        confidence="low",
    )

    # The healthy state and its rates, by species
    I_0: Scalar = quantity(
        "basal marrow IL-1",
        "pM",
        both=(0.58, 0.05, 2.0),
        source="assumption (~9 pg/ml)",
        confidence="low",
    )
    R_0: Scalar = quantity(
        "free sRANKL in marrow",
        "pM",
        both=(10.0, 1.0, 50.0),
        source="assumption",
        confidence="low",
    )
    O_0: Scalar = quantity(
        "free OPG in marrow",
        "pM",
        both=(60.0, 10.0, 300.0),
        source="assumption",
        confidence="low",
    )
    M_0: Scalar = quantity(
        "osteoclast precursors in marrow",
        "cells/mm^3",
        mouse=(8000.0, 500.0, 20000.0),
        human=(1000.0, 500.0, 20000.0),
        source="assumption (0.1-1 % of marrow cells)",
        confidence="low",
    )
    P_0: Scalar = quantity(
        "osteoblast precursors in marrow",
        "cells/mm^3",
        mouse=(2000.0, 200.0, 10000.0),
        human=(1000.0, 200.0, 10000.0),
        source="assumption",
        confidence="low",
    )
    delta_M: Scalar = quantity(
        "turnover of osteoclast precursors",
        "1/day",
        mouse=(0.3, 0.1, 1.0),
        human=(0.1, 0.03, 0.5),
        source="assumption",
        confidence="low",
    )
    delta_P: Scalar = quantity(
        "turnover of osteoblast precursors",
        "1/day",
        mouse=(0.1, 0.03, 0.3),
        human=(0.03, 0.01, 0.1),
        source="assumption",
        confidence="low",
    )
    n_f: Scalar = quantity(
        "nuclei (precursors) per osteoclast",
        "1",
        mouse=(8.0, 3.0, 20.0),
        human=(10.0, 3.0, 20.0),
        source="remembered",
        confidence="high",
    )
    n_p: Scalar = quantity(
        "osteoblasts made per recruited precursor",
        "1",
        both=(4.0, 1.0, 10.0),
        source="assumption (transit amplification)",
        confidence="low",
    )
    v_0: Scalar = quantity(
        "healthy turnover velocity of the surface (= BFR/BS)",
        "um/day",
        mouse=(0.2, 0.1, 0.4),
        human=(0.05, 0.02, 0.1),
        source="mouse BFR/BS 0.1-0.4; human 15-25 um/yr (remembered)",
        confidence="medium",
    )
    C_0: Scalar = quantity(
        "osteoclasts per bone surface",
        "cells/mm^2",
        mouse=(100.0, 50.0, 200.0),
        human=(7.0, 2.0, 20.0),
        source="from N.Oc/B.Pm 2-5 /mm and Oc.S/BS (mouse 5-10 %, human ~1 %) (remembered)",
        confidence="medium",
    )
    B_0: Scalar = quantity(
        "osteoblasts per bone surface",
        "cells/mm^2",
        mouse=(1000.0, 500.0, 2000.0),
        human=(330.0, 100.0, 800.0),
        source="from Ob.S/BS 10-20 % mouse, ~5 % human (remembered)",
        confidence="medium",
    )
    delta_C: Scalar = quantity(
        "osteoclast death rate",
        "1/day",
        mouse=(1 / 8, 0.07, 0.3),
        human=(1 / 12, 0.05, 0.15),
        source="lifespan ~12 d human (2 weeks; remembered, secondary page read)",
        confidence="high",
    )
    delta_B: Scalar = quantity(
        "active osteoblast loss rate",
        "1/day",
        mouse=(1 / 12, 0.05, 0.15),
        human=(1 / 50, 0.011, 0.033),
        source="12 d mouse; 50-90 d human (remembered)",
        confidence="medium",
    )
    k_E: Scalar = quantity(
        "coupling-store release rate (reversal delay 1/k_E)",
        "1/day",
        mouse=(1 / 6, 0.08, 0.3),
        human=(1 / 25, 0.02, 0.06),
        source="reversal ~1 wk mouse, 4-6 wk human (remembered)",
        confidence="medium",
    )
