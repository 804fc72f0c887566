"""Docstrings begin with what they describe, spelling is US, and private words stay out."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

OPENERS = (
    *("What", "Where", "Of", "By", "How", "Who", "When", "Which", "And", "With", "That", "To"),
    *("Is", "As"),
)
"""First words of a docstring that leave its subject unnamed."""

UK = re.compile(
    r"grey(?! 20\d\d)|colour|favour|neighbour|behaviour|honour|labour|tumour|vapour|harbour|"
    r"centre|fibre|metre(?!x)|litre|calibre|theatre|ageing|oestr|haemo|haema|anaem|oedem|paediat|"
    r"foet|leukaem|orthopaed|sulph|aluminium|artefact|catalogue|analogue|defence|licence|"
    r"practise|mould|sceptic|whilst|amongst|judgement|acknowledgement|fulfil\b|enrol\b|"
    r"programme\b|programmes\b|learnt|spelt|"
    r"(?:model|travel|cancel|label|signal|level|channel|total|tunnel|equal)l(?:ed|ing|er|ers)\b|"
    r"(?:mineral|sensit|real|organ|recogn|normal|initial|summar|optim|minim|maxim|general|"
    r"visual|discret|parallel|serial|linear|regular|stabil|character|standard|util|emphas|"
    r"synthes|hypothes|antagon|metabol|local|neutral|random|quant|vector|memor|priorit|categor|"
    r"crystall|equal|ideal|symmetr|polar|immun|steril|custom|special|central|penal|material)"
    r"is(?:e|ed|es|er|ers|ing|ation|ations)(?![a-z])|"
    r"(?:analys|catalys|hydrolys|paralys)(?:e|ed|er|ers|ing)(?![a-z])"
)
"""Stems and endings of British spelling."""

UK_ALLOWED = {
    "tissue/geometry/image.py": {"metre"},  # units as headers of image files write them
    "tissue/units.py": {"metre", "litre"},  # units as users write them
    "tests/test_units.py": {"metre", "litre"},
    "tests/geometry": {"metre"},
    "tissue/scenario/renamed.py": {"ageing", "sensitisation"},  # keys of earlier versions
    "tests/scenario/test_renamed.py": {"ageing", "sensitisation"},
}
"""Files or folders with the stems that they must hold."""

NOT_OURS = ("tests/test_prose.py", "CHANGELOG.md", "LICENSE", "tissue/analysis/report/vendor/")

PRIVATE = re.compile(
    r"\bmade[- ]up\b(?! of)|\bmakes? up a\b|\bseams?\b|\bmilieus?\b|\bcrowd(?:s|ed|ing)?\b|"
    r"\bforet(?:ell|old)\w*|\btold\b|\btells?\b(?!\()|\blest\b|\bheed\w*|clock on the wall|"
    r"\bready-made\b|\btrifles?\b|\b(?:go|goes|going|went|gone) on with\b|\btak\w+ (?:it )?up\b|"
    r"\bin the field's names\b|\bnames of its field\b|\brightly\b|\bhalf-way\b|"
    r"(?<!there )\bis no (?!longer\b|more\b|less\b|better\b|worse\b|other\b)",
    re.IGNORECASE,
)
"""Words that meant something here only, or that are no longer everyday English."""

SEARCHED = ("tissue/", "kernels/", "docs/", "README.md")
"""Files whose words users meet."""


def tracked() -> Iterator[tuple[str, str]]:
    """Name and content of each text file of the project."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout lists the files of the project")
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "pyproject.toml" in names
    for name in sorted(set(names)):
        path = ROOT / name
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b"\0"
        if b"\0" not in data and not name.startswith(NOT_OURS):
            yield name, data.decode("utf-8", "replace")


def unnamed_subjects(name: str, text: str) -> Iterator[str]:
    """Docstrings that begin with a word of `OPENERS`, as "file:line: docstring"."""
    if not name.endswith(".py"):
        return
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else ():
            value = getattr(each, "value", None) if isinstance(each, ast.Expr) else None
            words = getattr(value, "value", None) if isinstance(value, ast.Constant) else None
            if isinstance(words, str) and re.split(r"\W", words.strip())[0] in OPENERS:
                yield f"{name}:{each.lineno}: {words.strip().splitlines()[0]}"


def british(name: str, text: str) -> Iterator[str]:
    """Lines with British spelling, as "file:line: word in line"."""
    allowed = {
        stem for place, stems in UK_ALLOWED.items() if name.startswith(place) for stem in stems
    }
    yield from _matches(name, text, lambda word: word not in allowed, UK)


def private(name: str, text: str) -> Iterator[str]:
    """Lines with a word of `PRIVATE`, as "file:line: word in line"."""
    if name.startswith(SEARCHED):
        yield from _matches(name, text, lambda _: True, PRIVATE)


def _matches(
    name: str, text: str, counts: Callable[[str], bool], pattern: re.Pattern[str]
) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        # faster than a pattern that ignores case
        for found in pattern.finditer(line.lower()):
            if counts(found[0]):
                yield f"{name}:{number}: {found[0]!r} in {line.strip()[:120]}"


@pytest.mark.parametrize("finder", [unnamed_subjects, british, private])
def test_prose(finder: Callable[[str, str], Iterator[str]]) -> None:
    found = [line for name, text in tracked() for line in finder(name, text)]
    assert not found, f"{len(found)} findings:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("finder", "bad", "good"),
    [
        (unnamed_subjects, '"""What it is."""', '"""Bone that is."""'),
        (unnamed_subjects, 'A = 1\n"""Of which one."""', 'A = 1\n"""Whole voxels."""'),
        (british, "the grey centre", "the gray center"),
        (british, "mineralised", "raises, exercise, precise analyses"),
        (british, "modelling", "modeling, controlled, totally"),
        (private, "the bone is made up", "tissue is made up of cells"),
        (private, "0 um is no length", "there is no file; it is no longer there"),
        (private, "told of it, lest", "the solver reports"),
    ],
)
def test_a_finder_separates_bad_from_good(
    finder: Callable[[str, str], Iterator[str]], bad: str, good: str
) -> None:
    assert list(finder("tissue/a.py", bad))
    assert not list(finder("tissue/a.py", good))
