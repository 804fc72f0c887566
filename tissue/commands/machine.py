"""Commands about the machine: bench and doctor."""

import argparse
import json

from tissue.commands.common import RUN_FAILED, Commands, add_run_file, config_of
from tissue.commands.terminal import waiting
from tissue.errors import InputError


def add(commands: Commands) -> None:
    """Add bench and doctor."""
    command = commands.add_parser("bench", help="measure the speed of this machine")
    add_run_file(command, needed=False)
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")
    command.set_defaults(command=_bench)

    command = commands.add_parser("doctor", help="check devices, versions and arithmetic here")
    command.set_defaults(command=_doctor)


def _bench(options: argparse.Namespace) -> int:
    if options.set and not options.file:
        raise InputError("--set changes a run file: name the run file too")
    config = config_of(options) if options.file else None
    from tissue.machine import device, host
    from tissue.simulation.speed import bench

    device.enable_compilation_cache()
    with waiting("compiling, and measuring the speed of this machine"):
        done, peak = bench(config), host.peak_memory()
    if options.json:
        print(json.dumps(done.as_dict() | {"peak_memory_gb": peak} | device.versions()))
        return 0
    for line in done.lines():
        print(line)
    print(f"peak       {peak:.2f} GB of memory in this measurement")
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
    with waiting("compiling, and comparing results with known ones"):
        wrong = self_test.wrong_results()
    if wrong:
        print(f"WRONG results from this backend: {', '.join(wrong)}; use another jax version")
        return RUN_FAILED
    print("the backend computes correctly")
    return 0
