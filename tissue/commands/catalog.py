"""Commands that print what the program contains: parameters, drugs, examples, the run file."""

import argparse
import json

from tissue.commands.common import Commands
from tissue.commands.completer import complete_with
from tissue.commands.tables import (
    Cell,
    add_table_options,
    chosen,
    print_table,
    printed_for_programs,
)


def add(commands: Commands) -> None:
    """Add parameters, drugs, list and schema."""
    command = commands.add_parser("parameters", help="print a preset with units and sources")
    preset = command.add_argument("preset", metavar="PRESET", help="mouse or human")
    complete_with(preset, "presets")
    add_table_options(command, "parameters")
    command.set_defaults(command=_parameters)

    command = commands.add_parser("drugs", help="print the drugs with doses and sources")
    complete_with(add_table_options(command, "drugs"), "drugs")
    command.set_defaults(command=_drugs)

    command = commands.add_parser("list", help="list the bundled example runs")
    complete_with(add_table_options(command, "runs"), "runs")
    command.set_defaults(command=_list)

    command = commands.add_parser("schema", help="print the JSON schema of run files, for editors")
    command.set_defaults(command=_schema)


def _parameters(options: argparse.Namespace) -> int:
    from tissue.model.parameters import describe

    records: list[dict[str, Cell]] = [
        {
            "symbol": p.symbol,
            "value": p.value,
            "unit": p.unit,
            "low": p.low,
            "high": p.high,
            "confidence": p.confidence,
            "name": p.name,
            "source": p.source,
        }
        for p in describe(options.preset)
    ]
    records = chosen(records, options.words, "symbol", ("name",), "parameter")
    if printed_for_programs(options, records):
        return 0
    rows = [
        (
            f"{each['symbol']}",
            f"{each['value']:.6g}",
            f"{each['unit']}",
            f"{each['low']:g} .. {each['high']:g}",
            f"{each['confidence']}",
            f"{each['name']}",
            f"{each['source']}",
        )
        for each in records
    ]
    heads = ("symbol", "value", "unit", "range", "confidence", "name", "source")
    print_table(heads, rows, below=2)
    return 0


def _drugs(options: argparse.Namespace) -> int:
    from tissue.model.drugs import BODY_WEIGHT, DRUGS
    from tissue.model.targets import TARGETS

    records: list[dict[str, Cell]] = []
    for name, d in DRUGS.items():
        for species in BODY_WEIGHT:
            k, (dose, interval) = d.kinetics[species], d.regimen[species]
            records.append(
                {
                    "drug": name,
                    "species": species,
                    "target": TARGETS[d.target].long_name,
                    "dose mg/kg": dose,
                    "interval day": interval,
                    "route": k.route,
                    "absorption 1/day": k.absorption,
                    "elimination 1/day": k.elimination,
                    "saturable": "yes" if k.vmax else "no",
                    "volume l/kg": k.volume,
                    "bioavailability": k.bioavailability,
                    "marrow / plasma": d.marrow_plasma_ratio,
                    "confidence": d.confidence,
                    "action": d.about,
                    "source of doses": d.source,
                    "source of kinetics": k.source,
                }
            )
    texts = ("species", "target", "route", "confidence", "action")
    records = chosen(records, options.words, "drug", (*texts, "drug"), "drug")
    if not printed_for_programs(options, records):
        heads = ("drug", "species", "standard regimen", "confidence", "target", "rates", "source")
        print_table(heads, [_drug_row(each) for each in records], below=3)
    return 0


def _drug_row(each: dict[str, Cell]) -> tuple[str, ...]:
    """Cells of a drug in a species, the last three for the lines below it."""
    absorption, elimination = each["absorption 1/day"], each["elimination 1/day"]
    rates = [] if absorption is None else [f"absorption {absorption:.3g} 1/day"]
    saturable = " and saturable" if each["saturable"] == "yes" else ""
    rates += [
        f"elimination {elimination:.3g} 1/day{saturable}",
        f"volume {each['volume l/kg']:.3g} l/kg",
        f"bioavailability {each['bioavailability']:g}",
        f"marrow / plasma {each['marrow / plasma']:g}",
    ]
    return (
        f"{each['drug']}",
        f"{each['species']}",
        f"{each['dose mg/kg']:.3g} mg/kg every {each['interval day']:g} day, {each['route']}",
        f"{each['confidence']}",
        f"{each['target']}: {each['action']}",
        ", ".join(rates),
        f"doses: {each['source of doses']}; kinetics: {each['source of kinetics']}",
    )


def _list(options: argparse.Namespace) -> int:
    from tissue.scenario.library import describe, examples

    records: list[dict[str, Cell]] = [
        {"run": name, "subject": describe(path)} for name, path in examples().items()
    ]
    records = chosen(records, options.words, "run", ("run", "subject"), "bundled run")
    if not printed_for_programs(options, records):
        rows = [(f"{each['run']}", f"{each['subject']}") for each in records]
        print_table(("run", "subject"), rows)
        print("\nrun one with: tissue run NAME")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from tissue.scenario.config import RunConfig
    from tissue.scenario.json_schema import json_schema

    print(json.dumps(json_schema(RunConfig), indent=2))
    return 0
