"""Tables of docs/science.md are put in place and read again by docs/science_page.py."""

from pathlib import Path
from types import ModuleType

import pytest
from docs_script import docs_script

PAGE = "a\n<!-- one -->\nold\n<!-- /one -->\n<!-- two -->\nh\n|-|\n| x |\n<!-- /two -->\nb\n"


@pytest.fixture
def science_page() -> ModuleType:
    """docs/science_page.py, which writes them."""
    return docs_script("science_page")


def test_a_table_takes_the_place_of_the_one_before(science_page: ModuleType) -> None:
    text = science_page.written(PAGE, "one", "h\n|-|\n| y |\n")
    assert text == PAGE.replace("old\n", "h\n|-|\n| y |\n")
    assert science_page.lines(text, "one") == ["| y |"]
    assert science_page.lines(text, "two") == ["| x |"]


def test_a_page_without_the_marks_is_refused(science_page: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"science\.md lacks the marks"):
        science_page.written(PAGE, "three", "made\n")


def test_what_was_written_meanwhile_is_kept(
    science_page: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(science_page, "PAGE", tmp_path / "science.md")
    science_page.PAGE.write_text(PAGE, encoding="utf-8")
    for name in ("one", "two"):
        science_page.write(name, f"{name} new\n")
    text = science_page.PAGE.read_text(encoding="utf-8")
    assert "one new" in text
    assert "two new" in text
    assert text.startswith("a\n")
    assert text.endswith("b\n")
