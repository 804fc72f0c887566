"""Memory bandwidth, the reference of every kernel: a triad in C, or in JAX where gcc is missing."""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import jax
import jax.numpy as jnp

from tissue.machine.device import device_summary
from tissue.machine.host import cores

ELEMENTS = 2**25
"""Numbers in an array of the triad: 128 MiB in float32, beyond every cache."""
REPEATS = 12
QUEUED = 10
"""Triads of JAX in a row: a GPU would otherwise wait for the start of each."""

SOURCE = """
#include <stdio.h>
#include <stdlib.h>
#include <omp.h>
int main(void) {
  size_t n = %(elements)d;
  float *a = malloc(4 * n), *b = malloc(4 * n), *c = malloc(4 * n);
  if (!a || !b || !c) return 1;
  double best = 1e9;
  #pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) { a[i] = 0; b[i] = 1; c[i] = 2; }
  for (int r = 0; r < %(repeats)d; r++) {
    double t = omp_get_wtime();
    #pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++) a[i] = b[i] + 1.5f * c[i];
    t = omp_get_wtime() - t;
    if (t < best) best = t;
    if (a[r] != 4) return 2;
  }
  printf("{\\"threads\\": %%d, \\"seconds\\": %%.9f}\\n", omp_get_max_threads(), best);
}
"""


@dataclass(frozen=True)
class Bandwidth:
    """Bytes read and written a second [GB/s], 12 an element of the triad, and how it was found."""

    triad: float
    how: str


def measured() -> Bandwidth:
    """Best of several triads on the machine that computes."""
    gcc = which("gcc")
    if jax.default_backend() == "cpu" and gcc:
        with tempfile.TemporaryDirectory() as folder:
            found = _in_c(gcc, Path(folder))
        if found:
            return found
    return _in_jax()


def _in_c(gcc: str, folder: Path) -> Bandwidth | None:
    source, program = folder / "triad.c", folder / "triad"
    source.write_text(SOURCE % {"elements": ELEMENTS, "repeats": REPEATS}, encoding="utf-8")
    flags = ["-O3", "-march=native", "-fopenmp", str(source), "-o", str(program)]
    try:
        subprocess.run([gcc, *flags], capture_output=True, check=True)
        done = subprocess.run([program], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # as in a folder without programs
        return None
    result = json.loads(done.stdout)
    how = f"STREAM triad in C, gcc, {result['threads']} threads"
    return Bandwidth(12 * ELEMENTS / result["seconds"] / 1e9, how)


def _in_jax() -> Bandwidth:
    triad = jax.jit(lambda a, b: a + 1.5 * b, donate_argnums=0)
    a, b = (jnp.full(ELEMENTS, value, jnp.float32) for value in (0, 1))
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(QUEUED):
            a = triad(a, b)
        jax.block_until_ready(a)
        best = min(best, (time.perf_counter() - start) / QUEUED)
    on = device_summary() if jax.default_backend() != "cpu" else f"{cores()} cores"
    how = f"a += 1.5 b in JAX, {on}"
    return Bandwidth(12 * ELEMENTS / best / 1e9, how)
