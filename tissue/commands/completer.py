"""Names that are offered for arguments where a shell completes a command."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any, Literal

Kind = Literal["drugs", "presets", "run files", "runs"]


def complete_with(argument: argparse.Action, kind: Kind) -> None:
    """Offer names for an argument."""
    argument.completer = _COMPLETERS[kind]  # type: ignore[attr-defined]


def _drugs(**_: Any) -> Iterable[str]:
    from tissue.model.drugs import DRUGS

    return DRUGS


def _presets(**_: Any) -> Iterable[str]:
    from tissue.model.drugs import BODY_WEIGHT

    return BODY_WEIGHT


def _runs(**_: Any) -> Iterable[str]:
    from tissue.scenario.library import examples

    return examples()


def _run_files(prefix: str, **_: Any) -> Iterable[str]:
    """Bundled runs, and files and folders that a run file may be or lie in."""
    from argcomplete.completers import FilesCompleter

    return [*_runs(), *FilesCompleter(allowednames=("toml",))(prefix)]


_COMPLETERS: dict[Kind, Callable[..., Iterable[str]]] = {
    "drugs": _drugs,
    "presets": _presets,
    "run files": _run_files,
    "runs": _runs,
}
