"""Half a compiled program is never read, and not kept."""

import errno
from pathlib import Path

import pytest
from jax._src.lru_cache import LRUCache

from tissue.machine.device import enable_compilation_cache
from tissue.machine.program_cache import keep_whole_programs

KEY, PROGRAM = "program", b"compiled program"


@pytest.fixture
def programs(tmp_path: Path) -> LRUCache:
    """Cache of JAX, in a folder of its own."""
    enable_compilation_cache()
    keep_whole_programs()
    return LRUCache(str(tmp_path), max_size=-1)


def test_a_program_is_found(programs: LRUCache) -> None:
    programs.put(KEY, PROGRAM)
    assert programs.get(KEY) == PROGRAM
    assert len(list(programs.path.iterdir())) == 1


def test_a_program_cut_short_by_a_full_disk_is_not_kept(
    programs: LRUCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, value: bytes) -> None:
        with path.open("wb") as file:
            file.write(value[: len(value) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        programs.put(KEY, PROGRAM)
    assert programs.get(KEY) is None
    assert list(programs.path.iterdir()) == []


def test_half_a_program_that_is_there_is_replaced(programs: LRUCache) -> None:
    programs.put(KEY, PROGRAM)
    (file,) = programs.path.iterdir()
    file.write_bytes(PROGRAM[:4])
    programs.put(KEY, PROGRAM)
    assert programs.get(KEY) == PROGRAM


def test_a_program_has_its_name_only_when_it_is_whole(
    programs: LRUCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes look for it at any time."""
    write = Path.write_bytes
    seen = []

    def watched(path: Path, value: bytes) -> int:
        with path.open("wb"):
            seen.append(LRUCache(str(programs.path), max_size=-1).get(KEY))
        return write(path, value)

    monkeypatch.setattr(Path, "write_bytes", watched)
    programs.put(KEY, PROGRAM)
    assert seen == [None]
    assert programs.get(KEY) == PROGRAM
