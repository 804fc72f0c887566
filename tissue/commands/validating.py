"""Commands that compare the model with findings: validate and verify."""

import argparse
from pathlib import Path

from tissue.commands.common import RUN_FAILED, Commands, require_folder


def add(commands: Commands) -> None:
    """Add validate and verify."""
    for name, text in (
        ("validate", "compare the model with findings on cells, animals and patients"),
        ("verify", "check the numerics against exact solutions, finer steps and other models"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--full", action="store_true", help="also run what takes long")
        command.add_argument(
            "--only", nargs="+", metavar="ID", help="run these only, such as V03 or T02"
        )
        command.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
        command.set_defaults(command=_compare, suite=name)


def _compare(options: argparse.Namespace) -> int:
    from tissue.machine import device
    from tissue.validation import report
    from tissue.validation.findings import compare, selected
    from tissue.validation.simulations import SimulationCache
    from tissue.validation.table import VALIDATION
    from tissue.verification.table import VERIFICATION

    suite, other = VALIDATION, VERIFICATION
    if options.suite == VERIFICATION.command:
        suite, other = other, suite
    findings = selected(suite, options.only, other)
    require_folder("--markdown", options.markdown)
    device.enable_compilation_cache()
    cache, results = SimulationCache(), []
    for result in compare(findings, cache, slow=options.full):
        results.append(result)
        for line in report.lines(result):
            print(line, flush=True)
    print(f"\n{report.summary(results)}")
    if options.markdown:
        text = report.markdown(suite, results, cache, options.full)
        options.markdown.write_text(text, encoding="utf-8")
        print(f"table: {options.markdown}")
    return RUN_FAILED if any(each.verdict == "FAIL" for each in results) else 0
