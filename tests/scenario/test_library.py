"""Bundled examples can be read, and say in a sentence what they show."""

from tissue.scenario.config import read_run_file
from tissue.scenario.library import describe, examples


def test_every_file_says_what_it_shows() -> None:
    for path in examples().values():
        assert len(describe(path)) > 40, path.name
        read_run_file(path)
