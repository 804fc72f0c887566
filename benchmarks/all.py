"""Run of every suite, one after another, with the time of each.

The suites share compiled programs on disk, in runs/out/bench/cache; those that measure compilation
or memory do without.

usage: python benchmarks/all.py [--full]
"""

import sys
import time

from harness import HERE, OUT, README, machine, publish, quietly, table

SUITES = ("kernels", "solver", "pair", "step", "growth", "compile", "year")
FULL_ONLY = {"forecast": ("--full",), "time_step": ()}
OWN_ARGUMENTS = {"output": (("64", "3"), ())}
"""Suites with a command line of their own: arguments for a short and for a full run."""

SHARED = {
    "JAX_COMPILATION_CACHE_DIR": str(OUT / "cache"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
}


def main() -> int:
    full = "--full" in sys.argv[1:]
    wanted: dict[str, tuple[str, ...]] = dict.fromkeys(SUITES, ("--full",) if full else ())
    wanted |= {suite: forms[full] for suite, forms in OWN_ARGUMENTS.items()}
    if full:
        wanted |= FULL_ONLY
    about = machine()
    publish("machine", table(("what", "value"), about.items()))
    failed, seconds = [], {}
    for suite, arguments in wanted.items():
        script = HERE / f"{suite}.py"
        if not script.is_file():
            continue
        start = time.perf_counter()
        if quietly(script.name, *arguments, environment=SHARED).returncode:
            failed.append(suite)
        seconds[suite] = time.perf_counter() - start
    rows = [*seconds.items(), ("together", sum(seconds.values()))]
    print(f"\n{table(('suite', 's'), rows)}\n\ntables: {README}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
