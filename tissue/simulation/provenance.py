"""Where a result comes from: versions, device, inputs."""

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tissue import __version__
from tissue.geometry.load import ImageSettings
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.simulation.machine import device


def provenance(config: RunConfig, folder: Path, bone: np.ndarray, *, given: bool) -> dict[str, str]:
    """What every snapshot of a run carries about its making.

    Args:
        config: the run.
        folder: of its results.
        bone: bone volume fraction it started from.
        given: the bone came as an array, not from where the configuration says.
    """
    made = {
        "config": resolved_toml(config, folder),
        "config_sha256": config_hash(config),
        "bone_sha256": hashlib.sha256(np.ascontiguousarray(bone).tobytes()).hexdigest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device(),
        "python": platform.python_version(),
        "seed": str(config.seed),
        "tissue": __version__,
        **{package: version(package) for package in ("jax", "jaxlib", "numpy")},
    }
    commit = _commit()
    if commit:
        made["git_commit"] = commit
    if given:
        made["geometry"] = "given as an array; [geometry] of the configuration was not used"
    elif isinstance(config.geometry, ImageSettings):
        made["input_sha256"] = input_hash(config.geometry.file)
    return made


def input_hash(image: Path) -> str:
    """SHA-256 of an image file, or of the files in a folder one after the other."""
    slices = (path for path in image.glob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in sorted(slices) if image.is_dir() else [image]:
        with path.open("rb") as opened:
            hashlib.file_digest(opened, lambda: digest)
    return digest.hexdigest()


def _commit() -> str | None:
    """The commit of a checkout of this project, if the code runs from one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit} with changes" if changed else commit


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
