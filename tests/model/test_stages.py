"""A profiler shows the stages of a step by their names."""

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import jax

STAGES = [
    "predict the midpoint",
    "osteoblast lineage",
    "RANKL and OPG",
    "osteoclast lineage",
    "remodel",
]


def test_a_trace_holds_the_stages_in_order(tissue: SimpleNamespace, tmp_path: Path) -> None:
    tissue.step()  # compiled before
    with jax.profiler.trace(str(tmp_path)):
        tissue.step()
    (path,) = tmp_path.rglob("*.trace.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    begun = {event["name"]: event["ts"] for event in events if event.get("name") in STAGES}
    assert sorted(begun, key=lambda name: begun[name]) == STAGES
