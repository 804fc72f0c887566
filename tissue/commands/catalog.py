"""Commands about the model and the machine: what they are, and whether they are right."""

import argparse
import json
from pathlib import Path

from tissue.commands.common import RUN_FAILED, Commands, add_run_file, config_of, print_table
from tissue.errors import InputError


def add(commands: Commands) -> None:
    """Adds bench, parameters, drugs, verify, list and doctor."""
    command = commands.add_parser("bench", help="measure the speed of this machine")
    add_run_file(command, needed=False)
    command.add_argument("--json", action="store_true", help="print numbers for a program")
    command.set_defaults(command=_bench)

    command = commands.add_parser("parameters", help="print a preset with units and sources")
    command.add_argument("preset", metavar="PRESET", help="mouse or human")
    command.set_defaults(command=_parameters)

    command = commands.add_parser("drugs", help="print the drugs with doses and sources")
    command.set_defaults(command=_drugs)

    command = commands.add_parser("verify", help="hold the model to published facts")
    command.add_argument("--full", action="store_true", help="also what takes long")
    command.add_argument("--only", nargs="+", metavar="FACT", help="V01 to V46, T01 to T04")
    command.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    command.set_defaults(command=_verify)

    command = commands.add_parser("list", help="list the ready-made run files")
    command.set_defaults(command=_list)

    command = commands.add_parser("doctor", help="check this machine")
    command.set_defaults(command=_doctor)


def _bench(options: argparse.Namespace) -> int:
    if options.set and not options.file:
        raise InputError("--set changes a run file: name the run file too")
    config = config_of(options) if options.file else None
    from tissue.machine import device, host
    from tissue.simulation.speed import bench

    device.enable_compilation_cache()
    done, peak = bench(config), host.peak_memory()
    if options.json:
        print(json.dumps(done.as_dict() | {"peak_memory_gb": peak} | device.versions()))
        return 0
    for line in done.lines():
        print(line)
    print(f"peak       {peak:.2f} GB of memory in this measurement")
    return 0


def _parameters(options: argparse.Namespace) -> int:
    from tissue.model.parameters import describe

    rows = [
        (
            p.symbol,
            f"{p.value:.6g}",
            p.unit,
            f"{p.low:g} .. {p.high:g}",
            p.confidence,
            p.name,
            p.source,
        )
        for p in describe(options.preset)
    ]
    print_table(("symbol", "value", "unit", "range", "confidence", "name", "source"), rows)
    return 0


def _drugs(_: argparse.Namespace) -> int:
    from tissue.model.drugs import DRUGS
    from tissue.model.targets import TARGETS

    heads = (
        "drug",
        "target",
        "standard regimen",
        "absorption 1/day",
        "elimination 1/day",
        "volume l/kg",
        "bioavailability",
        "in marrow / plasma",
        "confidence",
        "what it does; source of the numbers",
    )
    rows = [
        (
            name,
            TARGETS[d.target].long_name,
            f"{d.standard_regimen.dose:g} mg every {d.standard_regimen.interval:g} day",
            "-" if d.absorption is None else f"{d.absorption:.3g}",
            f"{d.elimination:.3g}" + (" and saturable" if d.vmax else ""),
            f"{d.volume:.3g}",
            f"{d.bioavailability:g}",
            f"{d.marrow_plasma_ratio:g}",
            d.confidence,
            f"{d.about}; {d.source}",
        )
        for name, d in DRUGS.items()
    ]
    print_table(heads, rows)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from tissue.machine import device
    from tissue.verification import report
    from tissue.verification.facts import chosen, judge
    from tissue.verification.lab import Lab
    from tissue.verification.table import FACTS

    facts = chosen(FACTS, options.only)
    if options.markdown and not options.markdown.parent.is_dir():
        raise InputError(
            f"--markdown {options.markdown}: the folder {options.markdown.parent} does not exist"
        )
    device.enable_compilation_cache()
    lab, results = Lab(), []
    for result in judge(facts, lab, slow=options.full):
        results.append(result)
        for line in report.lines(result):
            print(line, flush=True)
    print(f"\n{report.summary(results)}")
    if options.markdown:
        options.markdown.write_text(report.markdown(results, lab, options.full), encoding="utf-8")
        print(f"table: {options.markdown}")
    return max(map(report.verdict, results), default=0)


def _list(_: argparse.Namespace) -> int:
    from tissue.scenario.library import describe, examples

    for name, path in examples().items():
        print(f"{name:24s} {describe(path)}")
    print("\nrun one with: tissue run NAME")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from tissue.machine import device, self_test
    from tissue.machine.host import allowed_memory, host_memory

    for name, number in device.versions().items():
        print(f"{name:12s} {number}")
    for line in device.device_lines():
        print(f"{'device':12s} {line}")
    memory, allowed = host_memory(), allowed_memory()
    limit = f", of which a limit allows {allowed / 1e9:.1f} GB" if allowed < memory else ""
    print(f"{'host memory':12s} {memory / 1e9:.1f} GB{limit}")
    if self_test.drops_nan():
        print("note: jnp.max drops NaN on this backend (known, and no check relies on it)")
    wrong = self_test.wrong_results()
    if wrong:
        print(f"WRONG results from this backend: {', '.join(wrong)}; use another jax version")
        return RUN_FAILED
    print("the backend computes rightly")
    return 0
