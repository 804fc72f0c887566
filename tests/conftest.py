"""Annotations of the kernels are checked while the tests run; programs do not pile up."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# the command sets this before it loads JAX; here JAX is there before any command
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "home")

install_import_hook(["tissue.kernels"], "beartype.beartype")

# what these import is annotated too
from tissue.machine.device import enable_compilation_cache, release_programs  # noqa: E402

enable_compilation_cache()

# a busy machine is no failure
settings.register_profile("tissue", deadline=None)
settings.load_profile("tissue")


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """A process runs hundreds of tests, and would hold more programs than the system lets it."""
    yield
    release_programs()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command takes all messages to the screen; the next test has them back."""
    logger = logging.getLogger("tissue")
    before = logger.level, list(logger.handlers), logger.propagate
    yield
    logger.level, logger.handlers[:], logger.propagate = before
