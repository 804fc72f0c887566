"""Processes that see the processor as several devices, and results of one that sees two."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent


def xla_flags(devices: int, *more: str) -> str:
    """Settings of XLA with a number of devices, beside those of the tests.

    Processes compile more than they compute, and do so without optimization.

    Args:
        devices: that a process sees.
        more: settings of this process alone.
    """
    count = f"--xla_force_host_platform_device_count={devices}"
    quick = "--xla_backend_optimization_level=0"
    return " ".join((os.environ.get("XLA_FLAGS", ""), quick, count, *more)).strip()


def results_of(script: Path) -> dict[str, Any]:
    """Results that a script prints as JSON."""
    done = subprocess.run(
        [sys.executable, str(script)],
        env={
            **os.environ,
            # no fused products and sums, which LLVM places differently in slabs of another size
            "XLA_FLAGS": xla_flags(2, "--xla_cpu_max_isa=AVX"),
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result
