"""The morphometry of a run is kept in its folder where that can be written to."""

import errno
from pathlib import Path

import pytest
from analysis.made import made

from tissue.analysis import series
from tissue.analysis.series import TABLE, measured_run


def test_a_folder_that_cannot_be_written_to_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = made(tmp_path / "run", snapshots=2)

    def refused(path: Path, *_: bytes) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", f"{path}")

    with monkeypatch.context() as patch:
        patch.setattr(series, "write_atomically", refused)
        days, rows = measured_run(folder, must_keep=False)
        (told,) = caplog.messages
        assert told.startswith(f"{folder / TABLE} cannot be written to (Permission denied): the")
        with pytest.raises(PermissionError):
            measured_run(folder)
    assert not (folder / TABLE).exists()
    assert days == [0, 7]
    assert rows == measured_run(folder)[1]
    assert (folder / TABLE).exists()
