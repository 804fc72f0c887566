"""Draws docs/pathways.svg: who acts on whom in the model, and where drugs act.

The names come from the registries of solutes and drugs; the actions stand in the tables below, as
docs/model.md has them. No arrow crosses another: each card names what raises and lowers it.

usage: python docs/diagram.py
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from tissue.model.drugs import DRUGS
from tissue.model.species import SOLUTES

WIDTH, MARGIN, GAP = 800, 14, 12
"""Width of the picture, its margin, and the room between cards [px]."""
COLUMNS = 3
CARD = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS
"""Width of a card [px]."""
TITLE, LINE, PAD = 22, 18, 9
"""Height of a title and of a line, and the room around them [px]."""
LETTER = 7.1
"""Mean width of a letter in the widest of the fonts [px]."""
ARROW = 26
"""Room for arrows between the cards of cells [px]."""
BAND = 26
"""Height of the name of a band [px]."""

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
    Card("inflammatory cells", notes=("release TNF, IL-1, IL-6, RANKL,", "IL-1Ra")),
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

OF_OSTEOCLASTS = (
    Card(
        "osteoclast precursors",
        (Action("supplied", ("IL-1", "TNF")), Action("drawn", ("RANKL",))),
    ),
    Card(
        "osteoclasts",
        (
            Action("form", ("RANKL", "IL-1", "TNF"), ("IL-4 and IL-10",)),
            Action("live", ("IL-1", "loss of estrogen"), ("bisphosphonate",)),
            Action("resorb", ("IL-1", "RANKL")),
        ),
    ),
    Card("osteomorphs", notes=("osteoclasts that wait for", "RANKL to form")),
)
OF_BONE = (
    Card("osteocytes", (Action("make RANKL", (), ("load",)),), ("in the bone",)),
    Card("bone", notes=("resorbed above, formed below",)),
    Card("coupling store", notes=("matrix factors of resorbed", "bone recruit osteoblasts")),
)
OF_OSTEOBLASTS = (
    Card("osteoblast precursors", (Action("move", (), ("IL-1",)),), ("driven away by IL-1",)),
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
)
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
svg { --back: #ffffff; --band: #f3f1ec; --card: #ffffff; --ink: #222222; --faint: #5c5c5c;
  --line: #b9b4ab; --up: #b34700; --down: #0063a0; --drug: #8f3a72; }
@media (prefers-color-scheme: dark) {
  svg { --back: #16181b; --band: #202327; --card: #2a2e33; --ink: #e8e6e3; --faint: #b5b2ad;
    --line: #5a5f66; --up: #f0a94a; --down: #6cc3f0; --drug: #e1a3c6; }
}
text { font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink); }
.title { font-weight: 600; font-size: 14px; }
.band { fill: var(--faint); font-style: italic; }
.faint { fill: var(--faint); }
.up { fill: var(--up); } .down { fill: var(--down); } .drug { fill: var(--drug); }
.back { fill: var(--back); } .area { fill: var(--band); }
.card { fill: var(--card); stroke: var(--line); }
.flow { stroke: var(--ink); stroke-width: 1.8; fill: none; marker-end: url(#head); }
#head path { fill: var(--ink); }
"""


def solute_cards() -> tuple[Card, ...]:
    """Cards of all solutes of the registry, and of IL-1Ra, with the drugs that act there."""
    cards = [
        Card(solute.long_name, actions, (BOUND[name],) if name in BOUND else (), targets)
        for name, solute in SOLUTES.items()
        for actions, targets in [ON_SOLUTES[name]]
    ]
    return (*cards[:3], IL1RA, *cards[3:])


def bands() -> tuple[tuple[str, tuple[Card, ...]], ...]:
    """Names and cards of the bands, from the top."""
    cells = (*OF_OSTEOCLASTS, *OF_BONE, *OF_OSTEOBLASTS)
    return (
        ("given: disease, load and drugs", GIVEN),
        ("solutes of the marrow", solute_cards()),
        ("cells, on the surface of bone and near it", cells),
    )


def lines_of(card: Card, width: float) -> list[list[tuple[str, str]]]:
    """Lines of a card of a width [px] as runs of text, each with its class."""
    found = [[("faint", note)] for note in card.notes]
    for action in card.actions:
        before = f"{action.process} "
        for kind, sign, names in (("up", UP, action.raised), ("down", DOWN, action.lowered)):
            if names:
                found += _wrapped([("faint", before), *_listed(kind, f"{sign} ", names)], width)
                before = ""
    drugs = [name for name, drug in DRUGS.items() if drug.target in card.targets]
    return found + (_wrapped(_listed("drug", "drugs: ", drugs), width) if drugs else [])


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
    for name, cards in bands():
        top, y = y, y + BAND
        inside: list[str] = []
        room = ARROW if cards[0].title == "osteoclast precursors" else 0
        wide = CARD - room * (COLUMNS - 1) / COLUMNS
        for row in range(0, len(cards), COLUMNS):
            shown = cards[row : row + COLUMNS]
            height = max(TITLE + LINE * len(lines_of(card, wide)) + 2 * PAD for card in shown)
            for column, card in enumerate(shown):
                x = MARGIN + column * (wide + GAP + room)
                places[card.title] = Place(x, y, wide, height)
                inside += _drawn(card, places[card.title])
            y += height + GAP + room
        y -= room
        parts.append(
            f'<rect class="area" x="4" y="{top:g}" width="{WIDTH - 8}" height="{y - top:g}" '
            'rx="10"/>'
            f'<text class="band" x="{MARGIN}" y="{top + 18:g}">{escape(name)}</text>'
        )
        parts += inside
        y += 8
    parts += [_arrow(places[start], places[end]) for start, end in FLOWS]
    return _svg(parts, y)


def _legend(parts: list[str]) -> int:
    parts.append(
        f'<text x="{MARGIN}" y="24"><tspan class="up">{UP} raises</tspan><tspan class="down" '
        f'dx="18">{DOWN} lowers</tspan><tspan class="drug" dx="18">drugs: act on what the card '
        'names</tspan><tspan class="faint" dx="18">arrow: becomes, makes or takes</tspan></text>'
    )
    return 38


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


def _arrow(start: Place, end: Place) -> str:
    """Arrow between two cards beside or below each other."""
    if start.y == end.y:  # two that go back and forth lie one above the other
        forth = start.x < end.x
        y = start.y + min(start.height, end.height) / 2 + (-9 if forth else 9)
        left, right = (start, end) if forth else (end, start)
        ends = (left.x + left.width + 2, right.x - 3)
        path = (
            f"M{ends[0]:g} {y:g}H{ends[1]:g}"
            if forth
            else (f"M{right.x - 2:g} {y:g}H{left.x + left.width + 3:g}")
        )
    else:
        down = start.y < end.y
        ends = (
            (start.y + start.height + 2, end.y - 3)
            if down
            else (start.y - 2, end.y + end.height + 3)
        )
        middle = start.x + start.width / 2
        if start.x == end.x:
            path = f"M{middle:g} {ends[0]:g}V{ends[1]:g}"
        else:  # from a card in the next column
            path = (
                f"M{middle:g} {ends[0]:g}V{(ends[0] + ends[1]) / 2:g}"
                f"H{end.x + 0.8 * end.width:g}V{ends[1]:g}"
            )
    return f'<path class="flow" d="{path}"/>'


def _svg(parts: Sequence[str], height: float) -> str:
    names = ", ".join(card.title for _, cards in bands() for card in cards)
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
