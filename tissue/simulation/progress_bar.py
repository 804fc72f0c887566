"""Bar over the simulated time of a run, for terminals and notebooks."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tissue.simulation.step_report import Record

WAITING = "setting up and compiling"
"""Text of the bar until the first step ends."""


@contextmanager
def progress_bar(duration: float, shown: bool | None) -> Iterator[Callable[[Record], None]]:
    """Bar over simulated time, in the form that a terminal or a notebook can draw.

    Args:
        duration: of the run [day].
        shown: whether there is a bar; None for interactive sessions only.

    Yields:
        Function that takes notice of a step.
    """
    if shown is None:
        shown = hasattr(sys, "ps1")
    if not shown:
        yield lambda record: None
        return
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # without ipywidgets a notebook gets a bar of text
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm

    layout = "{percentage:3.0f}% |{bar}| day {n:.1f}/{total:g} [{elapsed}<{remaining}{postfix}]"
    with tqdm(total=duration, unit="day", postfix=WAITING, bar_format=layout) as bar:

        def step_done(record: Record) -> None:
            bar.set_postfix_str(f"BV/TV {record.metrics['bv_tv_change_percent']:+.2f} %", False)
            bar.update(record.metrics["time_day"] - bar.n)

        yield step_done
