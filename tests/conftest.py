"""Annotations of the kernels are checked where these are tested; programs do not pile up."""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings
from virtual_screen import SERVER, virtual_screen

# the command sets this before it loads JAX; here JAX is there before any command
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
FIRST = (
    *("test_validation_verdicts.py", "test_mutations.py"),
    *("mechanics/test_against_direct.py", "simulation/test_branch.py"),
    *("model/test_disease_mechanisms.py", "kernels/test_slabs.py", "model/test_steps_on_slabs.py"),
)
ANNOTATIONS_CHECKED = ("kernels", "model")
"""Folders of tests that check annotations, which takes a third of the time of a trace."""

CACHES = HERE.parent / ".pytest_cache" / "home"
os.environ["XDG_CACHE_HOME"] = str(CACHES)

if "JAXTYPING_DISABLE" not in os.environ:
    jaxtyping.install_import_hook(["tissue.kernels"], "beartype.beartype")

# what these import is annotated too
from tissue.machine.device import enable_compilation_cache, release_programs  # noqa: E402
from tissue.mechanics import hierarchy  # noqa: E402

enable_compilation_cache()

# a busy machine is no failure
settings.register_profile("tissue", deadline=None)
settings.load_profile("tissue")


def pytest_configure(config: pytest.Config) -> None:
    """Lists the fonts once, before processes start that would each do so at their first figure.

    Where that takes more than seconds, matplotlib says so among the messages of a command.
    """
    if not hasattr(config, "workerinput") and not any(CACHES.glob("matplotlib/fontlist-*.json")):
        import matplotlib.font_manager  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts tests: first the files that take minutes, then those that compile for many others.

    No process is left alone with many minutes at the end, and no two compile the same: each of the
    latter has grids of its own.
    """
    place = {HERE / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(FIRST)))


@pytest.fixture(autouse=True, scope="module")
def annotations(request: pytest.FixtureRequest) -> None:
    """Switches the check of annotations on or off."""
    checked = request.path.parent.name in ANNOTATIONS_CHECKED
    jaxtyping.config.update("jaxtyping_disable", not checked)


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """A process runs hundreds of tests, and would hold more programs than the system lets it."""
    yield
    release_programs()


@pytest.fixture(autouse=True, scope="session")
def few_sizes_of_tables() -> Iterator[None]:
    """Small bones share the programs of their solves, each of which takes seconds to compile."""
    bucket, few = hierarchy._bucket, (16, 256, 1024)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            hierarchy,
            "_bucket",
            lambda count: next((size for size in few if size > count), bucket(count)),
        )
        yield


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command takes all messages to the screen; the next test has them back."""
    logger = logging.getLogger("tissue")
    before = logger.level, list(logger.handlers), logger.propagate
    yield
    logger.level, logger.handlers[:], logger.propagate = before


@pytest.fixture
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Environment of programs that draw on a screen of their own."""
    if not SERVER:
        pytest.skip("Xvfb is not installed")
    with virtual_screen(tmp_path_factory.mktemp("home")) as environment:
        yield environment
