"""Draws docs/pathways.svg: who acts on whom in the model, and where drugs act.

The names come from the registries of solutes and drugs; the actions stand in the tables below, as
docs/model.md has them. No arrow crosses another: each card names what raises and lowers it. Two
columns are so narrow that the words can be read on a phone too.

usage: python docs/diagram.py
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from tissue.model.drugs import DRUGS
from tissue.model.species import SOLUTES

WIDTH, MARGIN, GAP = 480, 12, 12
"""Width of the picture, its margin, and the room between cards [px]."""
TITLE, LINE, PAD, BAND = 22, 18, 9, 26
"""Height of a title and of a line, the room around them, and height of the name of a band [px]."""
LETTER = 7.1
"""Mean width of a letter in the widest of the fonts [px]."""
ARROW, APART = 26, 9
"""Room for arrows between the cards of cells, and half the distance of two that lead back and forth
[px]."""

UP, DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"


class Action(NamedTuple):
    """Process in a card, and the cards that raise and lower it."""

    process: str
    raised: tuple[str, ...] = ()
    lowered: tuple[str, ...] = ()


class Card(NamedTuple):
    """Box of the picture: a signal, a cell or what is given.

    Attributes:
        title: its name.
        actions: what acts on it.
        notes: lines of plain text.
        targets: targets of drugs that are shown in it.
    """

    title: str
    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


class Place(NamedTuple):
    """Left and upper edge, width and height of a card [px]."""

    x: float
    y: float
    width: float
    height: float


GIVEN = (
    Card("inflammatory cells", notes=("release TNF, IL-1, IL-6, RANKL, IL-1Ra",)),
    Card("loss of estrogen", notes=("menopause, ovariectomy",)),
    Card("load", notes=("strain energy that osteocytes feel",)),
    Card("IL-4 and IL-10", targets=("il4_receptor",)),
    Card("glucocorticoid", targets=("glucocorticoid_receptor",)),
    Card("age", notes=("of people, over years",)),
    Card("PTH receptor", targets=("pth_receptor",)),
    Card("blocked sclerostin", targets=("sclerostin",)),
    Card("bisphosphonate", targets=("bone_mineral",)),
)
CALMED = ("IL-4 and IL-10", "glucocorticoid")

BOUND = {"rankl": "is bound by OPG, and lost with it", "opg": "is bound by RANKL, and lost with it"}
"""Lines of text in the cards of solutes."""

ON_SOLUTES = {
    "tnf": ((Action("made", ("inflammatory cells", "loss of estrogen"), CALMED),), ("tnf",)),
    "il1": (
        (
            Action("made", ("inflammatory cells", "TNF"), (*CALMED, "bisphosphonate")),
            Action("acts", ("TNF",), ("IL-1Ra",)),
        ),
        ("il1_receptor", "il1_beta", "il1"),
    ),
    "il6": (
        (Action("made", ("inflammatory cells", "TNF", "IL-1"), CALMED),),
        ("il6_receptor",),
    ),
    "rankl": (
        (
            Action(
                "made",
                (
                    *("osteocytes", "osteoblast precursors", "IL-1", "IL-6"),
                    *("inflammatory cells", "loss of estrogen", "PTH receptor"),
                ),
                ("load", "IL-4 and IL-10", "blocked sclerostin"),
            ),
        ),
        ("rankl",),
    ),
    "opg": (
        (
            Action(
                "made",
                ("osteoblasts", "osteoblast precursors", "IL-4 and IL-10", "loss of estrogen"),
                ("IL-1", "glucocorticoid"),
            ),
        ),
        (),
    ),
}
"""Actions on each solute, and the targets of drugs that are shown with it."""

IL1RA = Card(
    "IL-1Ra", (Action("made", ("inflammatory cells",)),), ("made by the tissue in health",)
)

CELLS = (
    (
        Card(
            "osteoclast precursors",
            (Action("supplied", ("IL-1", "TNF")), Action("drawn", ("RANKL",))),
        ),
        Card("osteomorphs", notes=("osteoclasts that wait for RANKL to form",)),
    ),
    (
        Card(
            "osteoclasts",
            (
                Action("form", ("RANKL", "IL-1", "TNF"), ("IL-4 and IL-10",)),
                Action("live", ("IL-1", "loss of estrogen"), ("bisphosphonate",)),
                Action("resorb", ("IL-1", "RANKL")),
            ),
        ),
    ),
    (
        Card("bone", notes=("resorbed by osteoclasts, formed by osteoblasts",)),
        Card("coupling store", notes=("matrix factors of resorbed bone recruit osteoblasts",)),
    ),
    (
        Card(
            "osteoblasts",
            (
                Action(
                    "made",
                    ("coupling store", "load", "PTH receptor"),
                    ("IL-1", "TNF", "IL-4 and IL-10", "age"),
                ),
                Action("form", (), ("IL-1", "glucocorticoid")),
                Action("live", (), ("loss of estrogen",)),
            ),
        ),
    ),
    (
        Card("osteoblast precursors", (Action("move", (), ("IL-1",)),), ("driven away by IL-1",)),
        Card(
            "lining cells",
            (
                Action(
                    "become osteoblasts",
                    ("load", "PTH receptor", "blocked sclerostin"),
                    ("IL-1", "TNF", "IL-4 and IL-10", "glucocorticoid"),
                ),
            ),
        ),
    ),
    (Card("osteocytes", (Action("make RANKL", (), ("load",)),), ("in the bone",)),),
)
"""Rows of cards; a card that is alone in its row is as wide as the picture."""

FLOWS = (
    ("osteoclast precursors", "osteoclasts"),
    ("osteoclasts", "osteomorphs"),
    ("osteomorphs", "osteoclasts"),
    ("osteoclasts", "bone"),
    ("bone", "coupling store"),
    ("osteoblasts", "bone"),
    ("coupling store", "osteoblasts"),
    ("osteoblast precursors", "osteoblasts"),
    ("osteoblasts", "lining cells"),
    ("lining cells", "osteoblasts"),
)
"""Cards of which one becomes, makes or takes the other, beside or below each other."""

STYLE = """
text { font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.title { font-weight: 600; font-size: 14px; }
.band { font-style: italic; }
.flow { stroke-width: 1.8; fill: none; marker-end: url(#head); }
text, #head path { fill: #222222; } .flow { stroke: #222222; } .band, .faint { fill: #5c5c5c; }
.up { fill: #b34700; } .down { fill: #0063a0; } .drug { fill: #8f3a72; }
.back { fill: #ffffff; } .area { fill: #f3f1ec; } .card { fill: #ffffff; stroke: #b9b4ab; }
@media (prefers-color-scheme: dark) {
  text, #head path { fill: #e8e6e3; } .flow { stroke: #e8e6e3; } .band, .faint { fill: #b5b2ad; }
  .up { fill: #f0a94a; } .down { fill: #6cc3f0; } .drug { fill: #e1a3c6; }
  .back { fill: #16181b; } .area { fill: #202327; } .card { fill: #2a2e33; stroke: #5a5f66; }
}
"""
"""Style without variables, which not every program that draws SVG knows."""


def solute_cards() -> tuple[Card, ...]:
    """Cards of all solutes of the registry, and of IL-1Ra, with the drugs that act there."""
    cards = [
        Card(solute.long_name, actions, (BOUND[name],) if name in BOUND else (), targets)
        for name, solute in SOLUTES.items()
        for actions, targets in [ON_SOLUTES[name]]
    ]
    return (*cards[:3], IL1RA, *cards[3:])


def bands() -> tuple[tuple[str, tuple[tuple[Card, ...], ...]], ...]:
    """Names and rows of cards of the bands, from the top."""
    return (
        ("given: disease, load and drugs", _in_pairs(GIVEN)),
        ("solutes of the marrow", _in_pairs(solute_cards())),
        ("cells, on the surface of bone and near it", CELLS),
    )


def all_cards() -> tuple[Card, ...]:
    """Cards of all bands."""
    return tuple(card for _, rows in bands() for row in rows for card in row)


def _in_pairs(cards: tuple[Card, ...]) -> tuple[tuple[Card, ...], ...]:
    return tuple(cards[at : at + 2] for at in range(0, len(cards), 2))


def lines_of(card: Card, width: float) -> list[list[tuple[str, str]]]:
    """Lines of a card of a width [px] as runs of text, each with its class."""
    found = [line for note in card.notes for line in _wrapped(_words(note), width)]
    for action in card.actions:
        before = f"{action.process} "
        for kind, sign, names in (("up", UP, action.raised), ("down", DOWN, action.lowered)):
            if names:
                found += _wrapped([("faint", before), *_listed(kind, f"{sign} ", names)], width)
                before = ""
    drugs = [name for name, drug in DRUGS.items() if drug.target in card.targets]
    return found + (_wrapped(_listed("drug", "drugs: ", drugs), width) if drugs else [])


def _words(note: str) -> list[tuple[str, str]]:
    return [("faint", f"{word} ") for word in note.split()]


def _listed(kind: str, before: str, names: Sequence[str]) -> list[tuple[str, str]]:
    first, *others = (f"{name}{', ' if name != names[-1] else ''}" for name in names)
    return [(kind, before + first), *((kind, name) for name in others)]


def _wrapped(words: Sequence[tuple[str, str]], width: float) -> list[list[tuple[str, str]]]:
    lines: list[list[tuple[str, str]]] = [[]]
    for kind, text in words:
        letters = sum(len(each) for _, each in lines[-1]) + len(text.rstrip())
        if lines[-1] and LETTER * letters > width - 2 * PAD:
            lines.append([])
        lines[-1].append((kind, text))
    return lines


def picture() -> str:
    """The picture as SVG."""
    parts: list[str] = []
    places: dict[str, Place] = {}
    y: float = _legend(parts)
    for name, rows in bands():
        top, y = y, y + BAND
        inside: list[str] = []
        gap = ARROW if rows is CELLS else GAP
        for row in rows:
            wide = (WIDTH - 2 * MARGIN - (len(row) - 1) * gap) / len(row)
            height = max(TITLE + LINE * len(lines_of(card, wide)) + 2 * PAD for card in row)
            for column, card in enumerate(row):
                places[card.title] = Place(MARGIN + column * (wide + gap), y, wide, height)
                inside += _drawn(card, places[card.title])
            y += height + gap
        y += GAP - gap
        parts.append(
            f'<rect class="area" x="3" y="{top:g}" width="{WIDTH - 6}" height="{y - top:g}" '
            'rx="10"/>'
            f'<text class="band" x="{MARGIN}" y="{top + 18:g}">{escape(name)}</text>'
        )
        parts += inside
        y += 8
    parts += [_arrow(start, end, places) for start, end in FLOWS]
    return _svg(parts, y)


def _legend(parts: list[str]) -> int:
    parts.append(
        f'<text x="{MARGIN}" y="20"><tspan class="up">{UP} raises</tspan><tspan class="down" '
        f'dx="18">{DOWN} lowers</tspan><tspan class="faint" dx="18">arrow: becomes, makes or takes'
        f'</tspan></text><text class="drug" x="{MARGIN}" y="{20 + LINE}">drugs: act on what the '
        "card names</text>"
    )
    return 32 + LINE


def _drawn(card: Card, place: Place) -> Iterator[str]:
    x, y, width, height = place
    yield (
        f'<rect class="card" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7"/>'
        f'<text class="title" x="{x + PAD:g}" y="{y + PAD + 13:g}">{escape(card.title)}</text>'
    )
    for number, line in enumerate(lines_of(card, width)):
        spans = "".join(f'<tspan class="{kind}">{escape(text)}</tspan>' for kind, text in line)
        below = y + PAD + TITLE + LINE * number + 13
        yield f'<text x="{x + PAD:g}" y="{below:g}" xml:space="preserve">{spans}</text>'


def _arrow(name: str, other: str, places: Mapping[str, Place]) -> str:
    """Arrow from a card to another one beside or below it."""
    start, end = places[name], places[other]
    # two that go back and forth lie side by side
    aside = APART if (other, name) in FLOWS else 0
    if start.y == end.y:
        y = start.y + min(start.height, end.height) / 2
        path = f"M{start.x + start.width + 2:g} {y:g}H{end.x - 3:g}"
    else:
        narrow = min(start, end, key=lambda place: place.width)
        x, down = narrow.x + narrow.width / 2, start.y < end.y
        path = (
            f"M{x + aside:g} {start.y + start.height + 2:g}V{end.y - 3:g}"
            if down
            else f"M{x - aside:g} {start.y - 2:g}V{end.y + end.height + 3:g}"
        )
    return f'<path class="flow" d="{path}"/>'


def _svg(parts: Sequence[str], height: float) -> str:
    names = ", ".join(card.title for card in all_cards())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" role="img"><title>Who acts on whom in the model</title>'
        f"<desc>{escape(names)}</desc><style>{STYLE}</style>"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="5.5" '
        'markerHeight="5.5" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
        f'<rect class="back" width="{WIDTH}" height="{height:g}"/>{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("pathways.svg").write_text(picture(), encoding="utf-8")
