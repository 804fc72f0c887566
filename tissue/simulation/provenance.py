"""Provenance of results: versions, device and inputs, and their changes since a checkpoint."""

import hashlib
import logging
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tissue.geometry.settings import ImageSettings
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.simulation.devices import devices_of_run
from tissue.storage.checkpoint import Checkpoint
from tissue.version import __version__

log = logging.getLogger(__name__)

GIVEN = "geometry"
"""Key in the provenance of a run whose bone was an array."""

BONE, IMAGE, REGION, PANNUS = "bone_sha256", "input_sha256", "region_sha256", "pannus_mask_sha256"
"""Keys of the hashes of the bone at the start, and of the image files that a run reads."""

BONE_KEYS = (IMAGE, REGION, GIVEN)
"""Keys about the origin of the bone, which a branch takes from its parent."""

PARENT_TIME = "parent_time"
"""Key of the time at which a branch left its parent."""

START_KEYS = (*BONE_KEYS, BONE, PANNUS, "parent", "parent_config_sha256", PARENT_TIME)
"""Keys about the start of a run, which do not change when it is resumed."""

HASH_DIGITS = 12
"""Number of digits of a hash in a message."""


def provenance(
    config: RunConfig, folder: Path, start: Mapping[str, str], planes: int
) -> dict[str, str]:
    """Provenance that every snapshot of a run carries.

    Args:
        config: the run.
        folder: of its results.
        start: provenance of its start.
        planes: of its grid, along z.
    """
    made = {
        "config": resolved_toml(config, folder),
        "config_sha256": config_hash(config),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "seed": str(config.run.seed),
        **computed_by(config, planes),
        **start,
    }
    commit = _commit()
    if commit:
        made["git_commit"] = commit
    return made


def fresh_start(config: RunConfig, bone: np.ndarray, *, given: bool) -> dict[str, str]:
    """Provenance of the start of a new run.

    Args:
        config: the run.
        bone: bone volume fraction it starts from [z, y, x].
        given: the bone was given as an array instead of that of the configuration.
    """
    read = images(config).items()
    start = {key: input_hash(file) for key, file in read if not (given and key in BONE_KEYS)}
    start[BONE] = bone_hash(bone)
    if given:
        start[GIVEN] = "given as an array; [geometry] of the configuration was not used"
    return start


def resumed_start(checkpoint: Checkpoint) -> dict[str, str]:
    """Provenance of the start of a resumed run, as its checkpoint has it."""
    return {key: value for key, value in checkpoint.provenance.items() if key in START_KEYS}


def branched_start(config: RunConfig, bone: np.ndarray, parent: Checkpoint) -> dict[str, str]:
    """Provenance of the start of a branch, which has the bone of its parent at that time."""
    kept = {key: value for key, value in parent.provenance.items() if key in BONE_KEYS}
    read = images(config)
    pannus = {PANNUS: input_hash(read[PANNUS])} if PANNUS in read else {}
    return {
        **kept,
        **pannus,
        BONE: bone_hash(bone),
        "parent": str(parent.path),
        "parent_config_sha256": parent.provenance["config_sha256"],
        PARENT_TIME: f"{parent.time!r} day".replace(".0 ", " "),
    }


def bone_hash(bone: np.ndarray) -> str:
    """SHA-256 of a bone, of which no copy is made."""
    return hashlib.sha256(np.ascontiguousarray(bone).data).hexdigest()


def computed_by(config: RunConfig, planes: int) -> dict[str, str]:
    """Versions and devices that the last digits of a result depend on.

    Args:
        config: the run.
        planes: of its grid, along z.
    """
    packages = {package: version(package) for package in ("jax", "jaxlib", "numpy")}
    return {"tissue": __version__, **packages, "device": devices_of_run(config, planes)}


def images(config: RunConfig) -> dict[str, Path]:
    """Image files that a run reads, by the key of their hash."""
    files: dict[str, Path | None] = {}
    if isinstance(config.geometry, ImageSettings):
        files = {IMAGE: config.geometry.file, REGION: config.geometry.region}
    if config.disease.pannus:
        files[PANNUS] = config.disease.pannus.mask
    return {key: file for key, file in files.items() if file}


def log_changes(config: RunConfig, checkpoint: Checkpoint, *, branch: bool) -> None:
    """Logs changes of software, device and images since a checkpoint was written.

    Args:
        config: the run that continues from the checkpoint.
        checkpoint: of that run, or of the parent of a branch.
        branch: the run is a branch, which may have another pannus.
    """
    before = checkpoint.provenance
    changed = [
        f"{name} {before[name]} there, {now} here"
        for name, now in computed_by(config, checkpoint.grid.shape[0]).items()
        if before.get(name, now) != now
    ]
    if changed:
        log.warning(
            f"the checkpoint was written with other software or hardware ({'; '.join(changed)}): "
            "the last digits of the results may differ from those of an uninterrupted run"
        )
    for key, file in images(config).items():
        if key in before and not (branch and key == PANNUS):
            _log_change(file, before[key], used=key == PANNUS)


def _log_change(file: Path, before: str, *, used: bool) -> None:
    """Logs that an image is not the one of the start, or is missing.

    Args:
        file: the image.
        before: its hash at the start.
        used: whether a resumed run reads it again; the checkpoint contains the bone of others.
    """
    try:
        now = input_hash(file)
    except OSError as error:
        log.info(
            f"{file} can no longer be read ({error.strerror}) and is not needed: the bone is in "
            "the checkpoint"
        )
        return
    if now != before:
        log.warning(
            f"{file} has changed since the run began (sha256 {before[:HASH_DIGITS]}... then, "
            f"{now[:HASH_DIGITS]}... now): the run continues with "
            + ("the present file" if used else "the bone of the checkpoint, from the old file")
        )


def input_hash(image: Path) -> str:
    """SHA-256 of an image file, or of all files in a folder."""
    slices = (path for path in image.glob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in sorted(slices) if image.is_dir() else [image]:
        with path.open("rb") as opened:
            hashlib.file_digest(opened, lambda: digest)
    return digest.hexdigest()


def _commit() -> str | None:
    """Commit of this project, if the code runs from a checkout."""
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
