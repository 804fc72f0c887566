"""Devices are described and started, programs are cached, and their number stays in bounds."""

import errno
import logging
import os
import platform
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import tissue
from tissue.errors import RunError
from tissue.machine import device, host
from tissue.machine.self_test import drops_nan
from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation

TINY = Path(__file__).parents[1] / "tiny.toml"
linux = pytest.mark.skipif(platform.system() != "Linux", reason="the bound is Linux's")


def programs_kept_by_a_simulation() -> int:
    double: Any = jax.jit(lambda x: 2 * x)
    double(1.0)
    Simulation(read_run_file(TINY))
    return int(double._cache_size())


@pytest.mark.parametrize(("allowed", "kept"), [(150, 0), (250, 1)])
def test_programs_go_when_they_fill_half_of_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, allowed: int, kept: int
) -> None:
    monkeypatch.setattr(device, "_memory_maps", lambda: (100, allowed))
    assert programs_kept_by_a_simulation() == kept


@linux
def test_programs_and_their_memory_maps_go_together() -> None:
    before, allowed = device._memory_maps()
    programs = [jax.jit(lambda x, n=n: x + n) for n in range(20)]
    for program in programs:
        program(1.0)
    with_programs, _ = device._memory_maps()
    assert before + 2 * len(programs) < with_programs < allowed
    jax.clear_caches()
    assert device._memory_maps()[0] < with_programs - 2 * len(programs)


def test_where_the_system_sets_no_bound_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(path: Path, **_: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_file)
    held, allowed = device._memory_maps()
    assert held < allowed / 2


def test_the_machine_is_described() -> None:
    versions = device.versions()
    assert (versions["tissue"], versions["jax"]) == (tissue.__version__, jax.__version__)
    assert len(device.device_lines()) == len(jax.devices())
    assert 0 < host.peak_memory() < host.host_memory() / 1e9
    assert drops_nan() in (True, False)


@pytest.mark.parametrize("given", [None, "chosen"])
def test_compiled_programs_are_kept_where_the_user_says_or_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, cache_setting: None, tmp_path: Path, given: str | None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", given)
    device.enable_compilation_cache()
    kept = Path(jax.config.values["jax_compilation_cache_dir"])
    assert kept == Path("chosen") if given else kept.parent == tmp_path / "tissue/jax"


def test_simulations_in_python_keep_their_programs(
    monkeypatch: pytest.MonkeyPatch, cache_setting: None, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    empty = {"run": {"duration": "1 day"}, "geometry": {"file": str(tmp_path / "none.nrrd")}}
    with pytest.raises(tissue.InputError, match=r"none\.nrrd"):
        tissue.simulate(empty)
    assert Path(jax.config.values["jax_compilation_cache_dir"]).parent == tmp_path / "tissue/jax"


def test_the_settings_of_the_user_stay(
    monkeypatch: pytest.MonkeyPatch, cache_setting: None, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_enable_compilation_cache", False)
    device.enable_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 5.0)
    device.enable_compilation_cache()
    assert jax.config.values["jax_persistent_cache_min_compile_time_secs"] == 5.0


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
def test_without_a_writable_folder_no_programs_are_kept(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cache_setting: None,
    tmp_path: Path,
    make: Callable[[pytest.MonkeyPatch, Path], str],
) -> None:
    jax.config.update("jax_compilation_cache_dir", None)
    reason = make(monkeypatch, tmp_path)
    device._warn_once.cache_clear()
    for _ in range(2):
        device.enable_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    (message,) = caplog.messages
    assert "compiled programs are not kept" in message
    assert reason in message
    assert "XDG_CACHE_HOME" in message


def test_cached_programs_are_loaded_without_a_message(tmp_path: Path) -> None:
    """XLA logs tuning hints for features that no machine has."""
    code = (
        "from tissue.machine.device import enable_compilation_cache; enable_compilation_cache()\n"
        "import jax, jax.numpy as jnp; jax.jit(lambda x: jnp.sin(x @ x))(jnp.ones((9, 9)))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    for first in ("", "", "import jax\n"):  # after which the messages cannot be turned off
        command = [sys.executable, "-c", first + code]
        done = subprocess.run(command, capture_output=True, env=environment)
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
def test_a_missing_device_is_reported_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(jnp, "zeros", raising(error))
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(RunError) as refusal:
        device.start_backend()
    assert f"{refusal.value}" == (
        f"JAX_PLATFORMS = 'cuda' selects a device on which JAX cannot {reason}"
    )
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(RunError, match=r"JAX cannot compute on this machine.*JAX_PLATFORMS=cpu"):
        device.start_backend()


def test_a_device_that_is_there_starts() -> None:
    device.start_backend()


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.fixture
def cache_setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the cache settings of JAX; the command line may have silenced the log."""
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)
    options = (
        "jax_compilation_cache_dir",
        "jax_enable_compilation_cache",
        "jax_persistent_cache_min_compile_time_secs",
    )
    before = {name: jax.config.values[name] for name in options}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
