"""Whole files in JAX's cache of compiled programs."""

import copy
import tempfile
from functools import cache
from pathlib import Path
from typing import Any


@cache
def keep_whole_programs() -> None:
    """Makes JAX write each compiled program under another name, and rename it when it is whole.

    JAX writes a program in its place and leaves a file that is there as it is (0.8 to 0.12). Half a
    program would warn in every later run and compile again each time: from a process that was
    killed or had no space, or as read by a process while another one writes it. JAX has no setting
    for this; where its cache is not as expected, it stays as it is.
    """
    try:
        from jax._src.lru_cache import LRUCache
    except ImportError:
        return
    cache_of_jax: Any = LRUCache
    write = cache_of_jax.put

    def put(programs: Any, key: str, value: bytes) -> None:
        if programs.eviction_enabled:  # by the user; it counts files and holds a lock
            write(programs, key, value)
            return
        with tempfile.TemporaryDirectory(dir=programs.path) as folder:
            apart = copy.copy(programs)
            apart.path = Path(folder)
            write(apart, key, value)
            for written in apart.path.iterdir():
                written.replace(programs.path / written.name)

    cache_of_jax.put = put
