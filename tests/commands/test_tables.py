"""Tables of the terminal: their width, filters, colors, and the forms for programs."""

import csv
import io
import json
import re
import sys

import pytest
from commands.conftest import Capture, refused

import tissue
from tissue.cli import main
from tissue.commands import tables, terminal
from tissue.commands.tables import print_table
from tissue.model.drugs import BODY_WEIGHT, DRUGS
from tissue.model.parameters import QUANTITIES, preset

LISTS = (["parameters", "mouse"], ["parameters", "human"], ["drugs"], ["list"])


@pytest.mark.parametrize("columns", [80, 60, 200])
@pytest.mark.parametrize("command", LISTS)
def test_no_line_is_wider_than_the_terminal(
    capfd: Capture, monkeypatch: pytest.MonkeyPatch, columns: int, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", f"{columns}")
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert err == ""
    widest = max(out.splitlines(), key=len)
    if columns >= 80:
        assert len(widest) <= columns, widest
    else:  # a row of numbers is split into parts before a word is
        assert len(widest) <= columns + 30, widest
    assert "\x1b" not in out


@pytest.mark.parametrize("species", ["mouse", "human"])
def test_parameters_have_unit_range_and_source(capfd: Capture, species: str) -> None:
    assert main(["parameters", species, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [row["symbol"] for row in rows] == list(QUANTITIES)
    for row in rows:
        assert all(row.values()), row
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
        assert len(row["source"]) > 8, "a source is more than a word"
    assert main(["parameters", species, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [{key: f"{value}" for key, value in each.items()} for each in found] == rows
    (rate,) = [each for each in found if each["symbol"] == "a_R"]
    assert rate["value"] == preset(species).a_R


def test_the_table_of_people_shows_what_programs_get(capfd: Capture) -> None:
    assert main(["parameters", "mouse"]) == 0
    out = capfd.readouterr().out
    starts = re.findall(r"^(\w+) +(\S+) ", out, re.M)[1:]
    assert [symbol for symbol, _ in starts] == list(QUANTITIES)
    words = " ".join(out.split())
    for about in QUANTITIES.values():
        assert " ".join(f"{about.name} {about.source}".split()) in words


def test_drugs_have_rates_of_both_species(capfd: Capture) -> None:
    assert main(["drugs", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [(each["drug"], each["species"]) for each in found] == [
        (drug, species) for drug in DRUGS for species in BODY_WEIGHT
    ]
    for each in found:
        kinetics = DRUGS[each["drug"]].kinetics[each["species"]]
        assert each["elimination 1/day"] == kinetics.elimination
        assert each["absorption 1/day"] == kinetics.absorption
        assert each["saturable"] == ("yes" if kinetics.vmax else "no")
        assert each["source of kinetics"] == kinetics.source


@pytest.mark.parametrize(
    ("command", "key", "kept"),
    [
        (["parameters", "mouse", "a_R", "--json"], "symbol", {"a_R"}),
        (["parameters", "mouse", "--json", "a_r"], "symbol", {"a_R"}),
        (["parameters", "mouse", "OSTEOCLAST", "death", "--json"], "symbol", {"delta_C"}),
        (["drugs", "--json", "anakinra"], "drug", {"anakinra"}),
        (["list", "--json", "human", "year"], "run", {"human"}),
    ],
)
def test_words_choose_rows(capfd: Capture, command: list[str], key: str, kept: set[str]) -> None:
    assert main(command) == 0
    found = {each[key] for each in json.loads(capfd.readouterr().out)}
    assert kept <= found
    assert len(found) <= 8


def test_a_word_has_to_stand_in_every_row(capfd: Capture) -> None:
    assert main(["parameters", "human", "osteoclast", "--json"]) == 0
    names = {each["name"] for each in json.loads(capfd.readouterr().out)}
    assert names == {q.name for q in QUANTITIES.values() if "osteoclast" in q.name.lower()}
    assert len(names) > 5


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["parameters", "mouse", "osteoclst"], "no parameter with 'osteoclst', did you mean ost"),
        (["parameters", "osteoclast"], "the preset 'osteoclast' does not exist"),
        (["drugs", "denosmab"], "there is no drug with 'denosmab', did you mean denosumab?"),
        (["list", "shrwe"], "there is no bundled run with 'shrwe', did you mean shrew?"),
        (["drugs", "xyzzy"], "there is no drug with 'xyzzy'; give another word"),
        (["drugs", "anakinra", "denosumab"], "holds all of 'anakinra', 'denosumab' at once"),
    ],
)
def test_a_word_that_stands_nowhere_is_refused(
    capfd: Capture, command: list[str], sentence: str
) -> None:
    assert sentence in refused(capfd, *command)


def test_a_wide_table_is_printed_in_parts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    heads = ("measure", *(f"day {day}" for day in range(0, 70, 7)), "long name")
    rows = [("BV/TV", *(f"{day / 100:.3f}" for day in range(0, 70, 7)), "bone volume over all")]
    print_table(heads, rows)
    out = capsys.readouterr().out
    parts = out.split("\n\n")
    assert len(parts) > 1
    assert all(len(line) <= 44 for line in out.splitlines())
    assert all(part.startswith("measure") and "BV/TV" in part for part in parts)
    days = [head for part in parts for head in re.findall(r"day \d+", part.splitlines()[0])]
    assert days == list(heads[1:-1])
    values = [value for part in parts for value in re.findall(r"\d\.\d{3}", part)]
    assert values == list(rows[0][1:-1])


def test_a_table_that_fits_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "b"), [("1", "of two words"), ("23", "")])
    assert capsys.readouterr().out == "a   b\n1   of two words\n23\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("setting", "value", "colored"),
    [
        ("NO_COLOR", "1", False),
        ("NO_COLOR", "", True),
        ("TERM", "dumb", False),
        ("TERM", "xterm", True),
    ],
)
def test_colors_are_for_terminals_and_can_be_declined(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, colored: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(setting, value)
    assert terminal.shows_color(Terminal()) is colored
    assert not terminal.shows_color(io.StringIO())
    shown = terminal.painted("day", "bold", Terminal())
    assert shown == ("\x1b[1mday\x1b[0m" if colored else "day")


def test_colors_add_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    plain, colored = io.StringIO(), Terminal()
    for stream in (plain, colored):
        monkeypatch.setattr(sys, "stdout", stream)
        print_table(("symbol", "value", "source"), [("a_R", "12", "a source")], below=1)
    monkeypatch.undo()
    assert "\x1b[36ma_R\x1b[0m" in colored.getvalue()
    assert re.sub(r"\x1b\[\d+m", "", colored.getvalue()) == plain.getvalue()


def test_a_line_is_wrapped_between_words_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    line = "  1 bone component, dropped all but the largest: 0.00% of the bone"
    assert terminal.wrapped(line, io.StringIO()) == line
    lines = terminal.wrapped(line, Terminal()).split("\n")
    assert max(map(len, lines)) <= 40
    assert " ".join(text.strip() for text in lines) == line.strip()
    assert lines[0].startswith("  1 bone")
    assert lines[1].startswith("    ")
    word = "a" * 50
    assert terminal.wrapped(f"see {word} there", Terminal()).split("\n")[1].strip() == word


def test_every_bundled_run_is_listed(capfd: Capture) -> None:
    assert main(["list", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [row["run"] for row in rows] == list(tissue.examples())
    assert all(len(row["subject"]) > 20 for row in rows)
    assert tables.GAP == "  "
