"""The doctor's examination: a sound backend passes, an unsound one is named."""

import errno
import logging
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tissue
from tissue import backend
from tissue.errors import RunError
from tissue.simulation.host import host_memory


def test_this_backend_computes_rightly() -> None:
    assert backend.wrong_results() == ()


def only(monkeypatch: pytest.MonkeyPatch, there: backend._Operation) -> None:
    monkeypatch.setattr(backend, "_OPERATIONS", {"root": there})


def test_a_small_error_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x).at[7].add(1e-5), np.sqrt))
    assert backend.wrong_results() == ("root in float32", "root in float64")


def test_lost_precision_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x.astype("float32")), np.sqrt))
    assert backend.wrong_results() == ("root in float64",)


def test_a_nan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x).at[7].set(jnp.nan), np.sqrt))
    assert backend.wrong_results() == ("root in float32", "root in float64")


def test_a_backend_that_cannot_see_nan_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_OPERATIONS", {})
    monkeypatch.setattr(jnp, "isfinite", jnp.ones_like)
    assert backend.wrong_results() == ("finding a NaN",)


def test_the_machine_is_described() -> None:
    versions = backend.versions()
    assert (versions["tissue"], versions["jax"]) == (tissue.__version__, jax.__version__)
    assert len(backend.devices()) == len(jax.devices())
    assert 0 < backend.peak_memory() < host_memory() / 1e9
    assert backend.drops_nan() in (True, False)


@pytest.mark.parametrize("given", [None, "chosen"])
def test_compiled_programs_are_kept_where_the_user_says_or_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, cache_setting: None, tmp_path: Path, given: str | None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", given)
    backend.keep_compiled()
    kept = Path(jax.config.values["jax_compilation_cache_dir"])
    assert kept == Path("chosen") if given else kept.parent == tmp_path / "tissue/jax"


def no_home(monkeypatch: pytest.MonkeyPatch, _: Path) -> str:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", raising(KeyError("uid not found")))
    return "home"


def a_file_in_its_place(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    (folder / "taken").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "taken"))
    return "Not a directory"


def read_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr(
        tempfile, "TemporaryFile", raising(OSError(errno.EROFS, "Read-only file system"))
    )
    return "Read-only"


@pytest.mark.parametrize("make", [no_home, a_file_in_its_place, read_only])
def test_without_a_place_for_programs_none_are_kept(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cache_setting: None,
    tmp_path: Path,
    make: Callable[[pytest.MonkeyPatch, Path], str],
) -> None:
    jax.config.update("jax_compilation_cache_dir", None)
    reason = make(monkeypatch, tmp_path)
    backend.keep_compiled()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    (told,) = caplog.messages
    assert "compiled programs are not kept" in told
    assert reason in told
    assert "XDG_CACHE_HOME" in told


def test_programs_that_were_kept_are_loaded_in_silence(tmp_path: Path) -> None:
    """XLA tells of tuning hints for features that no machine has."""
    code = (
        "from tissue.backend import keep_compiled; keep_compiled()\n"
        "import jax, jax.numpy as jnp; jax.jit(lambda x: jnp.sin(x @ x))(jnp.ones((9, 9)))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(list(tmp_path.rglob("*-cache"))) > 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AssertionError(), "compute here; unset it, or set it to cpu"),
        (
            RuntimeError("Unable to initialize backend 'cuda': gone (set JAX_PLATFORMS='' to go)"),
            "compute here (Unable to initialize backend 'cuda': gone); unset it, or set it to cpu",
        ),
    ],
)
def test_a_device_that_is_not_there_is_told_with_the_variable(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(jnp, "zeros", raising(error))
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(RunError) as told:
        backend.start()
    assert f"{told.value}" == (
        f"JAX_PLATFORMS = 'cuda' asks for a device on which JAX cannot {reason}"
    )
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(RunError, match=r"JAX cannot compute on this machine.*JAX_PLATFORMS=cpu"):
        backend.start()


def test_a_device_that_is_there_starts() -> None:
    backend.start()


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.fixture
def cache_setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JAX's settings of its cache, put back; the command line may have silenced the log."""
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)
    options = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    before = {name: jax.config.values[name] for name in options}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
