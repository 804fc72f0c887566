"""Command doctor: devices, versions and arithmetic of this machine."""

import argparse

from tissue.commands.common import RUN_FAILED, Commands
from tissue.commands.terminal import waiting


def add(commands: Commands) -> None:
    """Add doctor."""
    command = commands.add_parser("doctor", help="check devices, versions and arithmetic here")
    command.set_defaults(command=_doctor)


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
