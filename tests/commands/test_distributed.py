"""Supervisors of a run of several processes end with its exit code and sentence."""

import pytest

from tissue.cli import main
from tissue.commands import distributed
from tissue.machine.verdict import Ending

PLACE = ("--coordinator", "here:61000", "--processes", "2", "--process", "1")
SAID = "process 1 of 2 on here: so it ended"


@pytest.mark.parametrize("code", [1, 2, 75, 130])
def test_the_end_of_the_run_is_that_of_its_supervisor(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for sentence, printed in ((SAID, f"tissue: {SAID}\n"), (None, "")):
        monkeypatch.setattr(distributed, "supervise", lambda *_, said=sentence: Ending(code, said))
        assert main(["run", "shrew", "--distributed", *PLACE]) == code
        assert capsys.readouterr() == ("", printed)
