"""A run that was stopped ends the program at once."""

import subprocess
import sys

import pytest

ENDING = """
import atexit, sys
from tissue import cli
atexit.register(print, "taken apart")
cli._run_command = lambda options: print("answered") or {code}
sys.argv = ["tissue", "list"]
sys.exit(cli.main())
"""


@pytest.mark.parametrize(
    ("code", "printed"),
    [(75, "answered\n"), (130, "answered\n"), (0, "answered\ntaken apart\n"), (2, None)],
)
def test_the_exit_code_of_a_stop_outlives_threads_of_xla(code: int, printed: str | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING.format(code=code)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == (printed or "answered\ntaken apart\n")
