"""Registry of renamed keys of the run file, which are refused with the new key and its value."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tissue.errors import InputError, shown
from tissue.model.mechanisms import MECHANISMS


class NewKey(NamedTuple):
    """The key that an old one is called now; `inverted` if true has become false."""

    key: str
    inverted: bool = False


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

RENAMED = {
    # true under [knockout] switched a mechanism off
    **{
        f"knockout.{old}": NewKey(f"mechanisms.{new}", inverted=True)
        for old, new in ({name: name for name in MECHANISMS} | _OLD_NAMES).items()
    },
    "disease.ageing": NewKey("disease.aging"),
}
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
