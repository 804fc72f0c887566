"""Results of a script that computes on two virtual devices, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent


def results_of(script: Path) -> dict[str, Any]:
    """Results that a script prints as JSON."""
    # without fused products and sums, which LLVM places differently in slabs of another size
    flags = "--xla_force_host_platform_device_count=2 --xla_cpu_max_isa=AVX"
    done = subprocess.run(
        [sys.executable, str(script)],
        env={
            **os.environ,
            "XLA_FLAGS": flags,
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
