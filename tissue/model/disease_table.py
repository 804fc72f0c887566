"""Disease, loading and therapy: numbers with unit, range and source.

A source that says "remembered" was quoted from memory and "assumption" was chosen by us; "read"
says what of a publication was read. Ranges are what the literature, or the assumption, allows.
"""

# ruff: noqa: RUF009 - `quantity` declares a dataclass field, as `dataclasses.field` does

from dataclasses import dataclass

from tissue.model.quantity import (
    ABOVE_MINUS_ONE,
    CALIBRATED,
    NON_NEGATIVE,
    PORTION,
    UM2_PER_S,
    Scalar,
    quantity,
)

PER_SECOND = 86400.0
"""One 1/s in 1/day."""


@dataclass(frozen=True, kw_only=True)
class DiseaseParameters:
    """Parameters of disease and therapy: cytokines, estrogen, cells, load and drugs."""

    # The two forms of IL-1
    alpha_share: Scalar = quantity(
        "share of IL-1 alpha in all IL-1, the rest is IL-1 beta",
        "1",
        both=(0.0, 0.0, 1.0),
        source="assumption; the responses were calibrated for IL-1 beta, the soluble form",
        confidence="low",
        allowed=PORTION,
    )
    EC50_alpha: Scalar = quantity(
        "IL-1 alpha functional half-maximal concentration",
        "pM",
        both=(130.0, 10.0, 400.0),
        source="ten times EC50: IL-1 beta is 13 times as potent in one assay (Stashenko 1987 J "
        "Immunol 138:1464), half effect on resorption at 183 pM (fetal mouse forearms; abstracts "
        "read)",
        confidence="medium",
    )
    K_A_alpha: Scalar = quantity(
        "IL-1Ra functional affinity against IL-1 alpha",
        "pM",
        both=(7000.0, 500.0, 50000.0),
        source="a hundredfold of IL-1Ra stops resorption by IL-1 beta but not alpha (calvaria "
        "study 1994, PMID 7922783, read abstract); value is an assumption",
        confidence="low",
    )

    # TNF-alpha
    D_T: Scalar = quantity(
        "TNF effective diffusivity in marrow (trimer 52 kDa)",
        "um^2/day",
        both=(20 * UM2_PER_S, 5 * UM2_PER_S, 60 * UM2_PER_S),
        shown="um^2/s",
        source="Stokes-Einstein x tortuosity as for IL-1, size-scaled (remembered)",
        confidence="low",
    )
    k_T: Scalar = quantity(
        "TNF clearance in tissue",
        "1/day",
        both=(24.0, 8.0, 70.0),
        source="half-life 0.5-1 h (remembered)",
        confidence="low",
    )
    K_T: Scalar = quantity(
        "TNF half-effect concentration on stroma, marrow and inflammatory cells",
        "pM",
        both=(1.7, 0.5, 60.0),
        source="calibrated: a hundredfold of activity with IL-1 (Stashenko 1987 J Immunol "
        "138:1464, read abstract) asks for a response to a few pM; synovial fluid in arthritis "
        "holds 8 pM (ARD 1990;49:676, read abstract)",
        confidence="low",
    )
    K_Td: Scalar = quantity(
        "TNF half-effect concentration on osteoclastogenesis without IL-1",
        "pM",
        both=(150.0, 20.0, 1000.0),
        source="resorption by bone cells, 150 pM (Thomson 1987 J Immunol 138:775, read abstract)",
        confidence="medium",
    )
    n_Td: Scalar = quantity(
        "Hill exponent of TNF on osteoclastogenesis without IL-1",
        "1",
        both=(2.0, 1.0, 4.0),
        source="assumption: the few pM of estrogen loss do little without IL-1 (Lorenzo 1998), the "
        "hundred of a culture half of all (Wei 2005, abstracts read)",
        confidence="low",
    )
    g_T: Scalar = quantity(
        "TNF effect on the osteoblast lineage, /(1 + g_T T')",
        "1/pM",
        both=(1 / 11.5, 1 / 60, 1 / 3),
        source="half of the bone nodules at 0.6 ng/ml, 11.5 pM of the trimer (Gilbert 2000 "
        "Endocrinology 141:3956, read abstract)",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    a_TI: Scalar = quantity(
        "TNF effect on IL-1 production, x(1 + a_TI tau_T)",
        "1",
        both=(1.6, 0.2, 30.0),
        source=f"Wei 2005: TNF induces stromal IL-1 (read abstract); {CALIBRATED}",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    a_RT: Scalar = quantity(
        "TNF effect on the sensitivity to IL-1 (receptors), x(1 + a_RT tau_T)",
        "1",
        both=(6.4, 0.0, 20.0),
        source="Wei 2005: TNF induces IL-1RI (read abstract); calibrated on the synergy of IL-1 "
        "and TNF in bone resorption, 1.5 to 10 times additive (Stashenko 1987, read abstract), "
        "and on what a TNF block spares after ovariectomy (Kimble 1997, read abstract)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    a_TR: Scalar = quantity(
        "TNF effect on RANKL production without IL-1, x(1 + a_TR tau_T)",
        "1",
        both=(0.0, 0.0, 2.0),
        source="0: TNF-induced stromal RANKL is abolished by IL-1Ra (Wei 2005, read abstract); "
        "osteocytes answer TNF with RANKL without IL-1 (Marahleh 2019, read abstract)",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    a_dT: Scalar = quantity(
        "TNF direct osteoclastogenesis, added to the RANK occupancy",
        "1",
        both=(3.0, 0.1, 4.0),
        source="fitted so that IL-1R deficiency halves the TNF osteoclast response (Wei 2005, "
        "read abstract)",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )

    a_MT: Scalar = quantity(
        "TNF effect on the supply of osteoclast precursors, x(1 + a_MT tau_T)",
        "1",
        both=(0.32, 0.0, 4.0),
        source="TNF acts by the number of precursors (PMID 23280418; Iqbal 2006; abstracts read); "
        "value calibrated with the loss after ovariectomy",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    # IL-6
    D_I6: Scalar = quantity(
        "IL-6 effective diffusivity in marrow (21 kDa)",
        "um^2/day",
        both=(38 * UM2_PER_S, 10 * UM2_PER_S, 100 * UM2_PER_S),
        shown="um^2/s",
        source="that of IL-1, scaled with the cube root of the mass (assumption)",
        confidence="low",
    )
    k_I6: Scalar = quantity(
        "IL-6 clearance in tissue",
        "1/day",
        both=(44.0, 8.0, 70.0),
        source="half-life 0.38 h in blood of rats (read abstract)",
        confidence="low",
    )
    I6_0: Scalar = quantity(
        "basal marrow IL-6",
        "pM",
        both=(0.3, 0.05, 5.0),
        source="healthy serum 0.14 pM (Sohn 2012, read in a table); marrow holds more (assumption)",
        confidence="low",
    )
    K_I6: Scalar = quantity(
        "IL-6 half-effect concentration",
        "pM",
        both=(50.0, 20.0, 1000.0),
        source="assumption: 0.5 to 5 nM stimulates resorption of mouse calvariae (JBMR "
        "1991;6:1285), its soluble receptor, 0.5 nM in synovial fluid, makes cells sensitive "
        "(Tamura 1993; abstracts read)",
        confidence="low",
    )
    a_I6: Scalar = quantity(
        "IL-1 effect on IL-6 production, x(1 + a_I6 s_Bh)",
        "1",
        both=(15.0, 2.0, 80.0),
        source="human bone cells: 17-fold by IL-1 alpha at 10 pM (Littlewood 1991), 80-fold by "
        "IL-1 beta (JBMR 1991;6:1285); TNF needs nM (abstracts read)",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    a_R6: Scalar = quantity(
        "IL-6 effect on RANKL production, x(1 + a_R6 sigma_6)",
        "1",
        both=(2.0, 0.0, 4.0),
        source="osteoblastic cells with its receptor make osteoclasts form (Udagawa 1995, read "
        "abstract); value calibrated on erosion under tocilizumab, 74 % slower (LITHE, read)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    # IL-4 and IL-10
    K_X: Scalar = quantity(
        "IL-4 / IL-10 half-inhibiting concentration",
        "pM",
        both=(10.0, 3.0, 100.0),
        source="IL-4 at 10 ng/ml (~700 pM) abrogates osteoclastogenesis (read abstract); the half "
        "value is an assumption",
        confidence="low",
    )
    x_R: Scalar = quantity(
        "IL-4 / IL-10 on osteoclastogenesis and RANKL production: over their effect on IL-1",
        "1",
        both=(0.5, 0.0, 2.0),
        source="both are inhibited (Abu-Amer 2001, Wei 2002: abstracts read); the size is an "
        "assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    x_O: Scalar = quantity(
        "IL-4 / IL-10 on OPG production: largest rise",
        "1",
        both=(0.5, 0.0, 2.0),
        source="OPG rises (Moreno 2003, abstract read); size is an assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    x_B: Scalar = quantity(
        "IL-4 / IL-10 on the osteoblast lineage, /(1 + x_B x / (1 + x))",
        "1",
        both=(0.5, -0.5, 3.0),
        source="mice that make much IL-4 lose bone by low formation (Lewis 1993), IL-10 inhibits "
        "early osteogenesis of marrow (Blood 1993;82:2361; abstracts read), others find more: "
        "negative values are allowed; size is an assumption",
        confidence="low",
        allowed=ABOVE_MINUS_ONE,
    )

    # Estrogen and age
    omega_I: Scalar = quantity(
        "estrogen loss: IL-1 production x(1 + omega_I)",
        "1",
        both=(0.0, 0.0, 12.0),
        source="0: without TNF mice lose no bone (Kimble 1997, Roggia 2001, Ammann 1997; abstracts "
        "read), so that TNF carries what estrogen loss does to IL-1",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    omega_T: Scalar = quantity(
        "estrogen loss: TNF in the marrow",
        "pM",
        mouse=(1.14, 0.2, 10.0),
        human=(0.055, 0.02, 5.0),
        source="calibrated on the loss after ovariectomy (Bouxsein 2005) and menopause (SWAN), "
        "abstracts read; no one measured it in marrow",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    omega_R: Scalar = quantity(
        "estrogen loss: RANKL of a stromal cell x(1 + omega_R)",
        "1",
        mouse=(0.0, 0.0, 1.0),
        human=(1.24, 0.0, 2.0),
        source="2 to 3 times as much RANKL on marrow cells of women after menopause "
        "(Eghbali-Fatourechi 2003 JCI 111:1221, read abstract); mouse 0 because IL-1R1-/- mice "
        "lose no bone (Lorenzo 1998, read abstract)",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )
    omega_O: Scalar = quantity(
        "estrogen loss: OPG production x(1 + omega_O l h)",
        "1",
        mouse=(0.0, -0.2, 0.5),
        human=(0.3, -0.2, 0.6),
        source="serum OPG 108 pg/ml after menopause, 72 before (Liu 2004, PMID 15455183, read "
        "abstract); value calibrated on the loss after menopause; mouse: assumption",
        confidence="low",
        allowed=ABOVE_MINUS_ONE,
    )
    omega_C: Scalar = quantity(
        "estrogen loss without IL-1: osteoclast death rate x(1 - omega_C)",
        "1",
        both=(0.02, 0.0, 0.2),
        source="kept small because IL-1R1-/- mice lose no bone (Lorenzo 1998, read abstract)",
        confidence="medium",
        allowed=PORTION,
    )
    omega_B: Scalar = quantity(
        "estrogen loss: osteoblast loss rate x(1 + omega_B)",
        "1",
        both=(0.02, 0.0, 0.2),
        source="estrogen prolongs osteoblast life (remembered); value is an assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    t_E: Scalar = quantity(
        "time after the onset of estrogen loss at which its cytokines begin to fall back",
        "day",
        mouse=(1e9, 100.0, 1e9),
        human=(730.0, 0.0, 3650.0),
        source="fast loss in the first years (SWAN, Greendale 2012, read abstract); assumption "
        "for its end",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    tau_E: Scalar = quantity(
        "relaxation time of cytokines after estrogen loss",
        "day",
        mouse=(1e9, 100.0, 1e9),
        human=(2555.0, 1000.0, 3650.0),
        source="Pacifici 1989: premenopausal IL-1 again within 8 years (read abstract)",
        confidence="medium",
    )
    r_age: Scalar = quantity(
        "fall of bone formation per resorption with age",
        "1/day",
        mouse=(0.0, 0.0, 0.0005),
        human=(0.0024 / 365.25, 0.0, 0.01 / 365.25),
        shown="1/year",
        source="wall thickness of trabecular packets 65.56 - 0.14 x age um (Kragstrup 1983, read "
        "abstract): 0.24 % a year at 50",
        confidence="medium",
        allowed=NON_NEGATIVE,
    )

    # Inflammatory cells
    F_0: Scalar = quantity(
        "inflammatory cells in a pannus",
        "cells/mm^3",
        both=(1e5, 1e4, 1e6),
        source="assumption",
        confidence="low",
    )
    q_FI: Scalar = quantity(
        "IL-1 made by an inflammatory cell",
        "1/day",
        both=(0.012 * PER_SECOND, 0.01 * PER_SECOND, 1.0 * PER_SECOND),
        shown="molecules/(cell s)",
        source="so that IL-1 in a pannus comes to a third of the 7 pM of synovial fluid in "
        "arthritis (ARD 1990;49:676, read abstract); with q_FR calibrated on erosion under "
        "anakinra, 38 to 47 % slower (Bresnihan 1998, Genant 2001, abstracts read)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    q_FT: Scalar = quantity(
        "TNF made by an inflammatory cell",
        "1/day",
        both=(0.015 * PER_SECOND, 0.0, 1.0 * PER_SECOND),
        shown="molecules/(cell s)",
        source="so that TNF in a pannus comes to a third of the 8 pM of synovial fluid in "
        "arthritis (ARD 1990;49:676, read abstract)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    q_FR: Scalar = quantity(
        "RANKL made by an inflammatory cell",
        "1/day",
        both=(0.4 * PER_SECOND, 0.0, 1.0 * PER_SECOND),
        shown="molecules/(cell s)",
        source="T cells and fibroblasts of synovium make RANKL, and mice without it hardly erode "
        "(Gravallese 2002, read abstract); value calibrated: half of the erosion must "
        "continue under anakinra",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    q_FI6: Scalar = quantity(
        "IL-6 made by an inflammatory cell",
        "1/day",
        both=(1.5 * PER_SECOND, 0.0, 5.0 * PER_SECOND),
        shown="molecules/(cell s)",
        source="so that IL-6 in a pannus comes near the 124 to 240 pM of synovial fluid in "
        "arthritis (two studies, abstracts read)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    w_FT: Scalar = quantity(
        "share of the IL-1 and IL-6 of inflammatory cells that TNF drives",
        "1",
        both=(0.9, 0.0, 1.0),
        source="anti-TNF lowers IL-1 of synovial cells in rheumatoid arthritis (Brennan 1989, read "
        "in part); calibrated on erosion under adalimumab (Keystone 2004, read abstract)",
        confidence="low",
        allowed=PORTION,
    )
    w_F6: Scalar = quantity(
        "share of the RANKL of inflammatory cells that IL-6 drives",
        "1",
        both=(1.0, 0.0, 1.0),
        source="IL-6 makes fibroblasts of synovium express RANKL, and TNF does through it "
        "(Hashizume 2008, read abstract); calibrated on erosion under tocilizumab, 74 % slower "
        "(LITHE, read)",
        confidence="low",
        allowed=PORTION,
    )
    A_F: Scalar = quantity(
        "IL-1Ra in a pannus, beyond that of marrow",
        "pM",
        both=(700.0, 0.0, 3000.0),
        source="1 nM of IL-1Ra in synovial fluid in arthritis (17.1 ng/ml), with that of marrow "
        "(read abstract); it does not spread",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    # Load
    g_mech: Scalar = quantity(
        "mechanostat gain",
        "1",
        mouse=(1.8, 0.0, 2.0),
        human=(0.53, 0.0, 2.0),
        source=f"{CALIBRATED}; mouse: by finite elements, one and three months after ovariectomy "
        "(Bouxsein 2005, and a study of strains, read abstracts)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    n_U: Scalar = quantity(
        "exponent of strain energy over local bone density, (phi_h/phi_m)^n_U",
        "1",
        mouse=(3.0, 1.0, 4.0),
        human=(2.0, 1.0, 4.0),
        source="stiffness goes as the square of density (remembered)",
        confidence="low",
    )
    sigma_U: Scalar = quantity(
        "standard deviation of the Gaussian that local bone density is averaged with",
        "um",
        both=(200.0, 50.0, 500.0),
        source="assumption; a few trabeculae share a load",
        confidence="low",
    )
    sigma_Y: Scalar = quantity(
        "standard deviation of the Gaussian over which osteocytes sum up strain energy",
        "um",
        mouse=(30.0, 10.0, 100.0),
        human=(100.0, 30.0, 200.0),
        source="osteocytes act on the surface over 100 um in bone of people (Huiskes 2000 Nature "
        "405:704, remembered); 30 um is half a trabecula of the mouse (assumption); 12 to 100 um "
        "change the mean signal of thinned bone by 4 %",
        confidence="low",
    )
    E_t: Scalar = quantity(
        "elastic modulus of bone tissue",
        "MPa",
        mouse=(14800.0, 8000.0, 25000.0),
        human=(10000.0, 5000.0, 20000.0),
        shown="GPa",
        source="mouse 14.8 GPa as in finite elements of its vertebrae (Webster 2008 Comput Methods "
        "Biomech Biomed Engin 11:435, remembered); human 10 GPa as in the failure criterion of "
        "Pistoia 2002 (Bone 30:842, remembered); indents of human trabeculae 6.9 +- 4.3 GPa "
        "(Zysset 1999 J Biomech 32:1005, abstract read)",
        confidence="low",
    )
    u_B: Scalar = quantity(
        "load on formation: x(1 + u_B u)",
        "1",
        both=(0.5, 0.0, 1.0),
        source="assumption; with g_mech it is calibrated as one",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    u_L: Scalar = quantity(
        "load on the activation of lining cells: x(1 + u_L u)",
        "1",
        both=(1.0, 0.0, 5.0),
        source="load activates lining cells (remembered); value is an assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    u_Y: Scalar = quantity(
        "load on RANKL of osteocytes: x(1 - u_Y u)",
        "1",
        both=(0.5, 0.0, 1.0),
        source="assumption; with g_mech it is calibrated as one",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    # Matrix factors that steer osteoblast precursors
    D_G: Scalar = quantity(
        "active TGF-beta effective diffusivity in marrow (25 kDa)",
        "um^2/day",
        both=(5 * UM2_PER_S, 1 * UM2_PER_S, 30 * UM2_PER_S),
        shown="um^2/s",
        source="assumption; much of it binds to matrix",
        confidence="low",
    )
    k_G: Scalar = quantity(
        "active TGF-beta clearance",
        "1/day",
        both=(300.0, 100.0, 700.0),
        source="half-life of minutes (remembered)",
        confidence="low",
    )
    theta_G: Scalar = quantity(
        "TGF-beta in bone matrix",
        "pM",
        both=(16000.0, 4000.0, 40000.0),
        source="~200 ng/g x 2 g/ml / 25 kDa (remembered)",
        confidence="low",
    )
    chi_G: Scalar = quantity(
        "osteoblast-precursor chemotaxis up TGF-beta, where it is switched on",
        "um^2/day",
        both=(10000.0, 0.0, 30000.0),
        source="Tang 2009 (existence); value is an assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )

    # Osteoclasts arrested without RANKL
    sigma_Q: Scalar = quantity(
        "share of the osteoclasts that fail to form which wait as osteomorphs",
        "1",
        both=(0.85, 0.0, 1.0),
        source="McDonald 2021: osteomorphs accumulate without RANKL and fuse on its return "
        "(read abstract); value calibrated on the overshoot of resorption after denosumab",
        confidence="low",
        allowed=PORTION,
    )
    k_Q: Scalar = quantity(
        "fusion of osteomorphs at the healthy osteoclastogenic drive",
        "1/day",
        mouse=(1 / 20, 0.01, 0.3),
        human=(1 / 60, 0.005, 0.1),
        source="resorption overshoots for months after denosumab (read abstract); value calibrated",
        confidence="low",
    )
    delta_Q: Scalar = quantity(
        "death of osteomorphs",
        "1/day",
        mouse=(1 / 60, 0.003, 0.1),
        human=(1 / 180, 0.001, 0.03),
        source="assumption",
        confidence="low",
    )

    # Drugs
    K_Z: Scalar = quantity(
        "denosumab Kd for RANKL",
        "pM",
        both=(3.0, 1.0, 10.0),
        source="0.333 1/pM (read in code: bone-models 0.1.0, Martinez-Reina)",
        confidence="high",
    )
    K_U: Scalar = quantity(
        "IL-1-binding drug (canakinumab) concentration that halves free IL-1",
        "pM",
        both=(380.0, 30.0, 5000.0),
        source="Kd in vivo 0.38 nM (Ait-Oudhia 2012, read in code), 0.99 nM in gout (PMID "
        "24122883, read abstract)",
        confidence="medium",
    )
    K_6R: Scalar = quantity(
        "IL-6 receptor blocker (tocilizumab) concentration that halves the effect of IL-6",
        "pM",
        both=(100.0, 30.0, 2500.0),
        source="IL-6 is blocked as long as free tocilizumab is found in serum (Nishimoto 2008, "
        "read abstract); value is an assumption, the Kd is 2.5 nM (remembered)",
        confidence="low",
    )
    K_W: Scalar = quantity(
        "TNF blocker (adalimumab) concentration that halves free TNF",
        "pM",
        both=(127.0, 5.0, 500.0),
        source="Kd 127 pM of adalimumab, 44 of infliximab, 11 of etanercept (Shealy 2010, PMID "
        "20519961, read abstract)",
        confidence="medium",
    )
    a_BP: Scalar = quantity(
        "bone-bound bisphosphonate effect on osteoclast death, x(1 + a_BP q)",
        "1",
        both=(1.9, 1.0, 12.0),
        source="calibrated on CTX, 60 % lower 9 to 11 days after zoledronate (Delmas 2009, read "
        "abstract)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    a_BI: Scalar = quantity(
        "bone-bound bisphosphonate effect on IL-1 production, /(1 + a_BI q)",
        "1",
        both=(0.3, 0.0, 2.0),
        source="the literature disagrees: alendronate lowered IL-1 in a small study, zoledronate "
        "raises it in vitro (read abstracts); value is an assumption",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    tau_q: Scalar = quantity(
        "persistence of bone-bound bisphosphonate at healthy turnover",
        "day",
        mouse=(90.0, 30.0, 400.0),
        human=(1000.0, 500.0, 3650.0),
        source="mouse: remembered; human: calibrated on the return of turnover, half of it within "
        "five years of the last dose (reviews; Grey 2017, read abstract: the effect lasts years)",
        confidence="medium",
    )
    a_P: Scalar = quantity(
        "teriparatide at its usual dose: osteoblasts per resorption x(1 + a_P)",
        "1",
        mouse=(0.3, 0.0, 1.0),
        human=(0.085, 0.0, 1.0),
        source="calibrated on the gain of the lumbar spine, 9.7 % in 21 months (Neer 2001, read "
        "abstract)",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    r_P: Scalar = quantity(
        "teriparatide at its usual dose: RANKL made by osteoblasts, over all RANKL in health",
        "1",
        mouse=(0.6, 0.0, 2.0),
        human=(0.43, 0.0, 2.0),
        source="resorption rises after formation, 58 % at 6 months (McClung 2005, read abstract); "
        "value calibrated with the gain of the spine",
        confidence="low",
        allowed=NON_NEGATIVE,
    )
    r_S: Scalar = quantity(
        "full sclerostin blockade: RANKL production x(1 - r_S)",
        "1",
        both=(0.375, 0.0, 0.8),
        source="calibrated on CTX, -55 % after two weeks and -25 % after a year of romosozumab "
        "(label, read)",
        confidence="low",
        allowed=PORTION,
    )
    K_GB: Scalar = quantity(
        "prednisolone half-inhibiting concentration of the osteoblast lineage",
        "pM",
        both=(115000.0, 5000.0, 500000.0),
        source="osteocalcin 83, 78 and 74 % of its start at 10, 15 and 20 mg a day of prednisone, "
        "37 % at 60 mg (healthy men, read abstract), with 24 nM free in blood at 10 mg",
        confidence="medium",
    )
    K_GO: Scalar = quantity(
        "prednisolone half-inhibiting concentration of OPG production",
        "pM",
        both=(40000.0, 5000.0, 500000.0),
        source="calibrated on the trabecular spine, -8.2 (-12.7 to -3.7) % in 20 weeks of 10 mg a "
        "day (Laan 1993); 10 nM on human osteoblastic cells (PMID 16298558; abstracts "
        "read), which would raise resorption more than markers do",
        confidence="low",
    )
    K_GF: Scalar = quantity(
        "prednisolone half-inhibiting concentration of the release by inflammatory cells",
        "pM",
        both=(3000.0, 2000.0, 200000.0),
        source="calibrated on erosion under 7.5 mg a day, about 85 % slower in two years (Kirwan "
        "1995, remembered)",
        confidence="low",
    )
