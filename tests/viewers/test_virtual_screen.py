"""Programs of tests draw on screens of their own, which end with the test."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest
import virtual_screen

screens = pytest.mark.skipif(not virtual_screen.SERVER, reason="Xvfb is not installed")


def answers(display: str) -> bool:
    """Whether the X server of a display takes connections."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(f"/tmp/.X11-unix/X{display.removeprefix(':')}") == 0


@screens
def test_each_screen_has_a_display_of_its_own_that_ends_with_it(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    with virtual_screen.virtual_screen(homes[0]) as first:
        with suppress(ZeroDivisionError), virtual_screen.virtual_screen(homes[1]) as second:
            assert first["DISPLAY"] != second["DISPLAY"]
            assert first["HOME"] != second["HOME"]
            assert answers(first["DISPLAY"])
            assert answers(second["DISPLAY"])
            raise ZeroDivisionError
        assert answers(first["DISPLAY"])
        assert not answers(second["DISPLAY"])
    assert not answers(first["DISPLAY"])


def test_a_server_that_ends_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "Xvfb"
    broken.write_text("#!/bin/sh\necho no font >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(virtual_screen, "SERVER", str(broken))
    with (
        pytest.raises(RuntimeError, match="Xvfb does not answer: no font"),
        virtual_screen.virtual_screen(tmp_path),
    ):
        pass
