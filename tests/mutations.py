"""Takes the mechanisms out of the model one at a time and shows that a test notices.

In a copy of the project, a piece of the code is replaced so that a mechanism is gone; the tests
named with it must then fail. The table goes to docs/mutations.md.

usage: python tests/mutations.py [--only WORD] [--write]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
TABLE = ROOT / "docs/mutations.md"
COPIED = ("kernels", "tissue", "tests", "runs", "pyproject.toml", "README.md", "docs")

SIGNALS = "tissue/model/signals.py"
CELLS = "tissue/model/cells.py"
CYTOKINES = "tissue/model/cytokines.py"
STEP = "tissue/model/step.py"
LOAD = "tissue/model/mechanostat.py"
COURSE = "tissue/scenario/course.py"
PARAMETERS = "tissue/model/parameters.py"
IL1 = "tests/model/test_mechanisms.py"
ILL = "tests/model/test_disease_mechanisms.py"
DRUG = "tests/model/test_therapy_mechanisms.py"
LOADED = "tests/model/test_load.py"
MOVED = "tests/model/test_migration.py"


class Mutation(NamedTuple):
    """A mechanism, how to take it out, and the test that must notice.

    Attributes:
        mechanism: in the words of docs/science.md.
        file: of the term.
        term: the code that is taken out; once in the file.
        instead: what stands there then.
        test: file and name.
    """

    mechanism: str
    file: str
    term: str
    instead: str
    test: tuple[str, str]


MUTATIONS = (
    Mutation(
        "IL-1 alpha has its own potency",
        PARAMETERS,
        "self.alpha_share / (self.EC50_alpha",
        "self.alpha_share / (self.EC50",
        (ILL, "test_il1_alpha_has_its_own_potency_and_resists_the_antagonist"),
    ),
    Mutation(
        "IL-1 alpha resists the antagonist",
        PARAMETERS,
        "antagonist / self.K_A_alpha",
        "antagonist / self.K_A",
        (ILL, "test_il1_alpha_has_its_own_potency_and_resists_the_antagonist"),
    ),
    Mutation(
        "IL-1 raises RANKL",
        SIGNALS,
        "raised_by = (1 + p.a_R * excess)",
        "raised_by = (1 + 0 * excess)",
        (IL1, "test_il1_raises_rankl_expression"),
    ),
    Mutation(
        "IL-1 lowers OPG",
        SIGNALS,
        "by_il1 = 1 / (1 + p.a_O * jnp.maximum(excess, -0.5))",
        "by_il1 = 1 / (1 + 0 * jnp.maximum(excess, -0.5))",
        (IL1, "test_il1_lowers_opg_expression"),
    ),
    Mutation(
        "IL-1 makes osteoclasts directly",
        SIGNALS,
        "directly = p.a_d * signal + p.a_dT",
        "directly = 0 * signal + p.a_dT",
        (IL1, "test_direct_osteoclastogenesis_needs_permissive_rankl"),
    ),
    Mutation(
        "... only where some RANKL permits it",
        SIGNALS,
        "directly * gate + p.leak",
        "directly + p.leak",
        (IL1, "test_direct_osteoclastogenesis_needs_permissive_rankl"),
    ),
    Mutation(
        "osteoclasts resorb harder under IL-1",
        SIGNALS,
        "(1 + p.a_a * excess_signal(signal, p))",
        "(1 + 0 * excess_signal(signal, p))",
        (IL1, "test_il1_makes_osteoclasts_resorb_harder"),
    ),
    Mutation(
        "osteoclasts live longer under IL-1",
        SIGNALS,
        "p.delta_C / (1 + p.a_s * excess)",
        "p.delta_C / (1 + 0 * excess)",
        (IL1, "test_il1_prolongs_osteoclast_life"),
    ),
    Mutation(
        "IL-1 lowers osteoblast differentiation",
        SIGNALS,
        "hill_repression(raised(excess), p.g_d, 1)",
        "hill_repression(raised(excess), 0, 1)",
        (IL1, "test_il1_lowers_osteoblast_differentiation"),
    ),
    Mutation(
        "IL-1 lowers matrix formation",
        SIGNALS,
        "hill_repression(raised(excess), p.g_f, 1)",
        "hill_repression(raised(excess), 0, 1)",
        (IL1, "test_il1_lowers_matrix_formation_per_osteoblast"),
    ),
    Mutation(
        "IL-1 slows the osteoblast lineage",
        SIGNALS,
        "hill_repression(raised(excess), p.g_m, 1)",
        "hill_repression(raised(excess), 0, 1)",
        (MOVED, "test_il1_slows_osteoblast_precursors"),
    ),
    Mutation(
        "an IL-1 gradient repels osteoblast precursors",
        CELLS,
        "repelled = p.chi_I / p.D_P",
        "repelled = 0 / p.D_P",
        (MOVED, "test_il1_repels_osteoblast_precursors"),
    ),
    Mutation(
        "RANKL draws osteoclast precursors",
        CELLS,
        "return -p.chi_R / p.D_M",
        "return -0 / p.D_M",
        (MOVED, "test_rankl_attracts_osteoclast_precursors"),
    ),
    Mutation(
        "formation is coupled to resorption",
        CELLS,
        "released = p.k_E * coupling_store",
        "released = p.k_E * p.E_0 + 0 * coupling_store",
        (IL1, "test_formation_follows_resorption_with_a_delay"),
    ),
    Mutation(
        "IL-1 uncouples them",
        SIGNALS,
        "return by_il1 * (1 + 0.5 * load) * f.anabolic",
        "return 1 + 0 * by_il1",
        (IL1, "test_il1_uncouples_formation_from_resorption"),
    ),
    Mutation(
        "TGF-beta from the matrix draws osteoblast precursors",
        CELLS,
        "return repelled - p.chi_G / p.D_P",
        "return repelled - 0 / p.D_P",
        (LOADED, "test_precursors_gather_where_matrix_is_resorbed"),
    ),
    Mutation(
        "TNF raises IL-1",
        SIGNALS,
        "1 + p.a_TI * tnf_signal(tnf, f, p)",
        "1 + 0 * tnf_signal(tnf, f, p)",
        (ILL, "test_tnf_raises_il1_production"),
    ),
    Mutation(
        "TNF makes cells sensitive to IL-1",
        SIGNALS,
        "sensitivity = 1 + p.a_RT",
        "sensitivity = 1 + 0",
        (ILL, "test_tnf_raises_the_sensitivity_to_il1"),
    ),
    Mutation(
        "TNF makes osteoclasts directly",
        SIGNALS,
        "p.a_d * signal + p.a_dT * tnf_signal(tnf, f, p)",
        "p.a_d * signal",
        (ILL, "test_tnf_makes_osteoclasts_directly_where_rankl_permits"),
    ),
    Mutation(
        "a blocker takes TNF out of play",
        SIGNALS,
        "tnf / (1 + blocker / p.K_W)",
        "tnf / (1 + 0 * blocker / p.K_W)",
        (ILL, "test_a_blocker_takes_tnf_out_of_play"),
    ),
    Mutation(
        "IL-4 stops osteoclastogenesis",
        CELLS,
        "drive / healthy_drive * signals.osteoclast_inhibition(f, p)",
        "drive / healthy_drive",
        (ILL, "test_il4_stops_precursors_from_becoming_osteoclasts"),
    ),
    Mutation(
        "IL-4 lowers RANKL",
        SIGNALS,
        "return raised_by * osteoclast_inhibition(f, p)",
        "return raised_by",
        (ILL, "test_il4_lowers_rankl_and_raises_opg"),
    ),
    Mutation(
        "IL-4 raises OPG",
        SIGNALS,
        "(1 - p.omega_O * f.estrogen_loss) * opg_stimulation(f, p)",
        "(1 - p.omega_O * f.estrogen_loss)",
        (ILL, "test_il4_lowers_rankl_and_raises_opg"),
    ),
    Mutation(
        "IL-4 lowers IL-1",
        SIGNALS,
        "f.il1 * raised_by * il1_inhibition(f, p)",
        "f.il1 * raised_by",
        (ILL, "test_il4_lowers_il1_production"),
    ),
    Mutation(
        "estrogen loss raises IL-1",
        SIGNALS,
        "1 + p.omega_I * f.estrogen_loss * f.relaxation",
        "1 + 0 * f.estrogen_loss * f.relaxation",
        (ILL, "test_estrogen_loss_raises_il1_and_tnf_until_they_relax"),
    ),
    Mutation(
        "estrogen loss raises TNF",
        SIGNALS,
        "f.tnf + p.omega_T * f.estrogen_loss * f.relaxation",
        "f.tnf",
        (ILL, "test_estrogen_loss_raises_il1_and_tnf_until_they_relax"),
    ),
    Mutation(
        "estrogen loss lowers OPG",
        SIGNALS,
        "by_il1 * (1 - p.omega_O * f.estrogen_loss)",
        "by_il1",
        (ILL, "test_estrogen_loss_lowers_opg"),
    ),
    Mutation(
        "estrogen loss prolongs the life of osteoclasts",
        SIGNALS,
        " * (1 - p.omega_C * f.estrogen_loss)",
        "",
        (ILL, "test_estrogen_loss_changes_how_long_cells_live"),
    ),
    Mutation(
        "estrogen loss cuts the life of osteoblasts",
        SIGNALS,
        "p.delta_B * (1 + p.omega_B * f.estrogen_loss)",
        "p.delta_B",
        (ILL, "test_estrogen_loss_changes_how_long_cells_live"),
    ),
    Mutation(
        "inflammatory cells make IL-1",
        CYTOKINES,
        "_made_by(f.inflammatory_cells, p.q_FI)",
        "_made_by(f.inflammatory_cells, 0)",
        (ILL, "test_inflammatory_cells_make_il1_and_tnf"),
    ),
    Mutation(
        "inflammatory cells make TNF",
        CYTOKINES,
        "_made_by(f.inflammatory_cells, p.q_FT)",
        "_made_by(f.inflammatory_cells, 0)",
        (ILL, "test_inflammatory_cells_make_il1_and_tnf"),
    ),
    Mutation(
        "inflammatory cells make RANKL",
        CYTOKINES,
        "_made_by(f.inflammatory_cells, p.q_FR)",
        "_made_by(f.inflammatory_cells, 0)",
        (ILL, "test_inflammatory_cells_make_rankl"),
    ),
    Mutation(
        "a pannus holds IL-1Ra",
        SIGNALS,
        "from_cells = p.A_F",
        "from_cells = 0",
        (ILL, "test_inflammatory_cells_hold_il1ra"),
    ),
    Mutation(
        "IL-1Ra of the tissue holds IL-1 down",
        SIGNALS,
        "f.il1ra * (p.A_0 + from_cells)",
        "(p.A_0 + from_cells)",
        (ILL, "test_il1ra_of_the_tissue_holds_il1_down"),
    ),
    Mutation(
        "the mechanostat raises formation",
        SIGNALS,
        "return by_il1 * (1 + 0.5 * load) * f.anabolic",
        "return by_il1 * (1 + 0 * load) * f.anabolic",
        (LOADED, "test_load_lowers_rankl_of_osteocytes_and_raises_formation"),
    ),
    Mutation(
        "the mechanostat lowers RANKL of osteocytes",
        SIGNALS,
        "jnp.maximum(1 - 0.5 * load, 0)",
        "jnp.maximum(1 - 0 * load, 0)",
        (LOADED, "test_load_lowers_rankl_of_osteocytes_and_raises_formation"),
    ),
    Mutation(
        "... where bone is missing near by",
        LOAD,
        "density = local_density(bone_volume_fraction, spacing, p)",
        "density = 0 * bone_volume_fraction + jnp.mean(bone_volume_fraction)",
        (LOADED, "test_load_is_felt_where_bone_is_missing"),
    ),
    Mutation(
        "denosumab takes RANKL",
        SIGNALS,
        "rankl / (1 + denosumab / p.K_Z)",
        "rankl / (1 + 0 * denosumab / p.K_Z)",
        (DRUG, "test_denosumab_takes_rankl_from_precursors_and_osteoclasts"),
    ),
    Mutation(
        "osteoclasts that do not form wait as osteomorphs",
        CELLS,
        "arrested = p.sigma_Q * ",
        "arrested = 0 * ",
        (DRUG, "test_osteoclasts_that_do_not_form_wait"),
    ),
    Mutation(
        "osteomorphs fuse when RANKL returns",
        STEP,
        "formed = seen * made.formed + made.fusion * waiting.mean",
        "formed = seen * made.formed",
        (DRUG, "test_osteomorphs_wait_where_they_arose_and_fuse_when_rankl_returns"),
    ),
    Mutation(
        "bisphosphonate kills osteoclasts",
        SIGNALS,
        "rate * (1 + p.a_BP * bisphosphonate)",
        "rate * (1 + 0 * bisphosphonate)",
        (DRUG, "test_bisphosphonate_kills_osteoclasts_and_lowers_il1"),
    ),
    Mutation(
        "bisphosphonate lowers IL-1",
        SIGNALS,
        "/ (1 + p.a_BI * bisphosphonate)",
        "/ (1 + 0 * bisphosphonate)",
        (DRUG, "test_bisphosphonate_kills_osteoclasts_and_lowers_il1"),
    ),
    Mutation(
        "bisphosphonate goes with turnover",
        CELLS,
        "turnover = jnp.sqrt(resorption / p.v_0) / p.tau_q",
        "turnover = 0 * jnp.sqrt(resorption / p.v_0) / p.tau_q",
        (DRUG, "test_bisphosphonate_goes_with_turnover"),
    ),
    Mutation(
        "anabolic drugs raise formation",
        SIGNALS,
        "return by_il1 * (1 + 0.5 * load) * f.anabolic",
        "return by_il1 * (1 + 0.5 * load)",
        (ILL, "test_anabolic_drugs_raise_formation_per_resorption"),
    ),
    Mutation(
        "a response is averaged over the day of a dose",
        SIGNALS,
        "averaged(signal, f.il1ra_drug)",
        "signal(jnp.mean(f.il1ra_drug))",
        (DRUG, "test_a_response_is_averaged_over_the_day_of_a_dose"),
    ),
)


def matches(mutation: Mutation, root: Path = ROOT) -> bool:
    """Whether the term stands in the code, once, and the test exists."""
    file, name = mutation.test
    code = (root / mutation.file).read_text(encoding="utf-8")
    tests = (root / file).read_text(encoding="utf-8")
    return code.count(mutation.term) == 1 and f"def {name}(" in tests


def noticed(mutation: Mutation, copy: Path) -> bool:
    """Whether the test fails without the mechanism, by an assertion and for no other reason."""
    path = copy / mutation.file
    code = path.read_text(encoding="utf-8")
    path.write_text(code.replace(mutation.term, mutation.instead), encoding="utf-8")
    file, name = mutation.test
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    # what a mutation leaves as it is need not be compiled again
    kept = {
        "PYTHONPATH": str(copy),
        "JAX_COMPILATION_CACHE_DIR": str(copy.parent / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    try:
        done = subprocess.run(
            [*command, f"{file}::{name}"],
            cwd=copy,
            env=os.environ | kept,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(code, encoding="utf-8")
    return done.returncode == 1 and "AssertionError" in done.stdout


def copied(folder: Path) -> Path:
    """A copy of what the tests need."""
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            hidden = shutil.ignore_patterns("__pycache__", "out", ".*")
            shutil.copytree(source, folder / name, symlinks=True, ignore=hidden)
        else:
            shutil.copy(source, folder / name)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mechanisms whose name holds this")
    parser.add_argument("--write", action="store_true", help="write docs/mutations.md")
    asked = parser.parse_args()
    wanted = [mutation for mutation in MUTATIONS if asked.only in mutation.mechanism]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as workers:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(WORKERS):
            copies.put(copied(Path(folder) / f"copy{number}"))

        def tried(mutation: Mutation) -> bool:
            copy = copies.get()
            try:
                good = matches(mutation) and noticed(mutation, copy)
            finally:
                copies.put(copy)
            print(f"{'noticed' if good else 'NOT noticed'}: {mutation.mechanism}", flush=True)
            return good

        found = list(workers.map(tried, wanted))
    if asked.write:
        TABLE.write_text(table(wanted, found), encoding="utf-8")
    print(f"{sum(found)} of {len(found)} noticed")
    return 0 if all(found) else 1


def table(mutations: Sequence[Mutation], found: Sequence[bool]) -> str:
    """The results in Markdown."""
    lines = [
        "# What happens without each mechanism",
        "",
        "Made by `python tests/mutations.py --write`: each term is taken out of a copy of the",
        "code, and the test must fail.",
        "",
        "| mechanism | term taken out | test | result |",
        "|---|---|---|---|",
    ]
    for each, good in zip(mutations, found, strict=True):
        verdict = "noticed" if good else "**not noticed**"
        lines.append(f"| {each.mechanism} | `{each.term}` | `{each.test[1]}` | {verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
