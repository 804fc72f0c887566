"""Registry of renamed keys of the run file, which are refused with the new key and its value."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tissue.errors import InputError, shown


class NewKey(NamedTuple):
    """The key that an old one is called now; `inverted` if true has become false."""

    key: str
    inverted: bool = False


_MECHANISMS = {
    "rankl_induction": "rankl_induction",
    "opg_suppression": "opg_suppression",
    "direct_osteoclastogenesis": "direct_osteoclastogenesis",
    "osteoclast_activity": "osteoclast_activation",
    "osteoclast_survival": "osteoclast_survival",
    "osteoblast_differentiation": "differentiation_inhibition",
    "matrix_formation": "formation_inhibition",
    "osteoblast_motility": "migration_inhibition",
    "repulsion": "il1_repulsion",
    "osteoclast_chemotaxis": "osteoclast_chemotaxis",
    "tnf_to_il1": "tnf_il1_induction",
    "tnf_direct": "tnf_osteoclastogenesis",
    "tnf_sensitization": "tnf_sensitization",
    "tnf_sensitisation": "tnf_sensitization",
    "osteomorphs": "osteomorphs",
    "mechanostat": "mechanostat",
    "tgf_beta_steering": "tgf_beta_chemotaxis",
}
"""Mechanisms of 0.1.0 and before, which true under [knockout] switched off."""

RENAMED = {
    f"knockout.{old}": NewKey(f"mechanisms.{new}", inverted=True)
    for old, new in _MECHANISMS.items()
} | {"disease.ageing": NewKey("disease.aging")}
"""New keys by the old ones."""


def refuse_old_keys(data: Mapping[str, Any]) -> None:
    """Refuse keys of earlier versions, in a file or on the command line.

    Args:
        data: tables of a run file, right or wrong.

    Raises:
        InputError: there is one; the sentence names the new key and the value of the same meaning.
    """
    for old, (new, inverted) in RENAMED.items():
        table, key = old.split(".")
        values = data.get(table)
        if not isinstance(values, Mapping) or key not in values:
            continue
        value = values[key]
        if not isinstance(value, bool):
            raise InputError(f"{old} = {shown(value)} has a new name: write {new}, true or false")
        same = json.dumps(value != inverted)
        raise InputError(
            f"{old} = {json.dumps(value)} has a new name: write {new} = {same}, which means the "
            "same"
        )
