"""Registry of keys of the run file that are renamed or gone; the refusal names what to give now."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tissue.errors import InputError, shown
from tissue.model.mechanisms import MECHANISMS


class NewKey(NamedTuple):
    """The key that an old one is called now.

    Attributes:
        key: the new one.
        inverted: true has become false.
        values: text of the new value for off, and for on.
    """

    key: str
    inverted: bool = False
    values: tuple[str, str] = ("false", "true")


_OLD_NAMES = {
    "osteoclast_activity": "osteoclast_activation",
    "osteoblast_differentiation": "differentiation_inhibition",
    "matrix_formation": "formation_inhibition",
    "osteoblast_motility": "migration_inhibition",
    "repulsion": "il1_repulsion",
    "tnf_to_il1": "tnf_il1_induction",
    "tnf_direct": "tnf_osteoclastogenesis",
    "tnf_sensitisation": "tnf_sensitization",
    "tgf_beta_steering": "tgf_beta_chemotaxis",
}
"""Names of mechanisms of 0.1.0 that are called otherwise now."""

LOAD = ('"off"', '"density"')
"""Values of load.mechanics without and with the mechanostat of earlier versions."""

RENAMED = {
    # true under [knockout] switched a mechanism off
    **{
        f"knockout.{old}": NewKey(f"mechanisms.{new}", inverted=True)
        for old, new in ({name: name for name in MECHANISMS} | _OLD_NAMES).items()
    },
    "disease.ageing": NewKey("disease.aging"),
    "mechanisms.mechanostat": NewKey("load.mechanics", values=LOAD),
    "knockout.mechanostat": NewKey("load.mechanics", inverted=True, values=LOAD),
}
"""New keys by the old ones."""

REMOVED = {
    "parameters.a_S": "sclerostin blockade activates lining cells: give parameters.k_S, their rate "
    "of activation, such as '0.1 1/day'; or leave out [parameters], where an earlier version wrote "
    "them all: their values belong to its equations",
}
"""Keys that are gone, with the reason and what to give instead."""


def refuse_old_keys(data: Mapping[str, Any]) -> None:
    """Refuse keys of earlier versions, in a file or on the command line.

    Args:
        data: tables of a run file, right or wrong.

    Raises:
        InputError: there is one; the sentence names the new key and the value of the same meaning,
            and the other old keys, or what to give for a key that is gone.
    """
    for gone, instead in REMOVED.items():
        if (value := _value(data, gone)) is not None:
            raise InputError(f"{gone} = {shown(value)} is not used any more: {instead}")
    first, *others = [old for old in RENAMED if _value(data, old) is not None] or [""]
    if not first:
        return
    value, (new, inverted, values) = _value(data, first), RENAMED[first]
    if isinstance(value, bool):
        same = f" = {values[value != inverted]}, which means the same"
        value = json.dumps(value)
    else:
        same, value = f", {' or '.join(reversed(values))}", shown(value)
    names = ", ".join(f"{old} ({RENAMED[old].key})" for old in others)
    more = (
        f"; {len(others)} more have new names, and true means on in [mechanisms]: {names}"
        if others
        else ""
    )
    raise InputError(f"{first} = {value} has a new name: write {new}{same}{more}")


def _value(data: Mapping[str, Any], key: str) -> Any:
    table, name = key.split(".")
    values = data.get(table)
    return values.get(name) if isinstance(values, Mapping) else None
