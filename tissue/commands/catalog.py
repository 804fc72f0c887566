"""Commands that print what the program contains: parameters, drugs, examples, the run file."""

import argparse
import json

from tissue.commands.common import Commands, print_table


def add(commands: Commands) -> None:
    """Add parameters, drugs, list and schema."""
    command = commands.add_parser("parameters", help="print a preset with units and sources")
    command.add_argument("preset", metavar="PRESET", help="mouse or human")
    command.set_defaults(command=_parameters)

    command = commands.add_parser("drugs", help="print the drugs with doses and sources")
    command.set_defaults(command=_drugs)

    command = commands.add_parser("list", help="list the bundled example runs")
    command.set_defaults(command=_list)

    command = commands.add_parser("schema", help="print the JSON schema of run files, for editors")
    command.set_defaults(command=_schema)


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
    from tissue.model.drugs import BODY_WEIGHT, DRUGS
    from tissue.model.targets import TARGETS

    heads = (
        "drug",
        "target",
        "species",
        "standard regimen",
        "absorption 1/day",
        "elimination 1/day",
        "volume l/kg",
        "bioavailability",
        "marrow / plasma",
        "confidence",
        "action; source of the numbers",
    )
    rows = []
    for name, d in DRUGS.items():
        for species in BODY_WEIGHT:
            k, (dose, interval) = d.kinetics[species], d.regimen[species]
            row = (
                name,
                TARGETS[d.target].long_name,
                species,
                f"{dose:.3g} mg/kg every {interval:g} day, {k.route}",
                "-" if k.absorption is None else f"{k.absorption:.3g}",
                f"{k.elimination:.3g}" + (" and saturable" if k.vmax else ""),
                f"{k.volume:.3g}",
                f"{k.bioavailability:g}",
                f"{d.marrow_plasma_ratio:g}",
                d.confidence,
                f"{d.about}; {d.source}; kinetics: {k.source}",
            )
            rows.append(row)
    print_table(heads, rows)
    return 0


def _list(_: argparse.Namespace) -> int:
    from tissue.scenario.library import describe, examples

    for name, path in examples().items():
        print(f"{name:24s} {describe(path)}")
    print("\nrun one with: tissue run NAME")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from tissue.scenario.config import RunConfig
    from tissue.scenario.json_schema import json_schema

    print(json.dumps(json_schema(RunConfig), indent=2))
    return 0
