"""Where a result comes from: versions, device, inputs."""

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tissue import __version__
from tissue.geometry.images import TIFF_SUFFIXES
from tissue.geometry.load import ImageSettings
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.simulation.machine import device


def provenance(config: RunConfig, folder: Path) -> dict[str, str]:
    """What every snapshot of a run carries about its making."""
    made = {
        "config": resolved_toml(config, folder),
        "config_sha256": config_hash(config),
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
    if isinstance(config.geometry, ImageSettings) and config.geometry.file.exists():
        made["input_sha256"] = input_hash(config.geometry.file)
    return made


def input_hash(image: Path) -> str:
    """SHA-256 of an image file, or of the slices in a folder one after the other."""
    slices = (path for path in image.glob("*") if path.suffix.lower() in TIFF_SUFFIXES)
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
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
