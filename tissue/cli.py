"""Entry point of the command `tissue`."""

import argparse
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence

from tissue.commands import (
    bench,
    catalog,
    checking,
    completion,
    distributed,
    drawing,
    files,
    machine,
    measuring,
    new,
    running,
    strength,
    validating,
)
from tissue.commands.common import (
    BAD_INPUT,
    INTERRUPTED,
    RUN_FAILED,
    STOPPED,
    refuse_mistyped,
    why_no_device,
)
from tissue.commands.streams import OUTPUT, guarded
from tissue.commands.terminal import painted, wrapped
from tissue.errors import InputError, RunError, RunStopped, printable, shown
from tissue.suggestion import did_you_mean
from tissue.version import __version__

TOO_SMALL = "the memory is too small for this grid; use coarser voxels or a smaller box"

NO_THREADS = (
    "the system allows this program no more threads; raise the limit (ulimit -u, or that of "
    "the container), or end other programs"
)

LONGEST_MESSAGE = 2000
"""Characters of a message [1]; of a longer one both ends are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: of the command; those that the program was started with by default.
    """
    parser, commands = _parser()
    completion.answer_shell(parser)
    with guarded():
        options = _parsed(parser, commands, sys.argv[1:] if arguments is None else arguments)
        options.ends_program = arguments is None
        options.arguments = sys.argv[1:] if arguments is None else list(arguments)
        code = _run_command(options)
    if options.ends_program and (code in (STOPPED, INTERRUPTED) or distributed.has_joined()):
        # while XLA still computes in a thread, the shutdown of Python would end in a segmentation
        # fault, and a queue waits for this exit code; JAX would wait for processes that are gone
        os._exit(code)
    return code


def _run_command(options: argparse.Namespace) -> int:
    try:
        refuse_mistyped(options)
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except InputError as error:
        return _exit_with(f"{error}", BAD_INPUT)
    except RunError as error:
        return _exit_with(f"{error}", RUN_FAILED)
    except RunStopped as stopped:
        return _exit_with(f"{stopped}", STOPPED)
    except io.UnsupportedOperation:  # an OSError that no system raises: a bug
        raise
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename == OUTPUT:
            return 0  # the reader, such as head, has seen enough
        what = "a file or device" if error.filename is None else error.filename
        return _exit_with(
            f"{what} cannot be read or written ({error.strerror or error})", RUN_FAILED
        )
    except MemoryError:
        return _exit_with(TOO_SMALL, RUN_FAILED)
    except (RuntimeError, AssertionError) as error:
        if "RESOURCE_EXHAUSTED" in f"{error}":  # the memory of a device
            return _exit_with(TOO_SMALL, RUN_FAILED)
        if "can't start new thread" in f"{error}":
            return _exit_with(NO_THREADS, RUN_FAILED)
        reason = why_no_device()
        if reason is None:  # it is not JAX that lacks a device
            raise
        return _exit_with(reason, RUN_FAILED)
    except KeyboardInterrupt as interrupt:
        said = f"{interrupt}" or "interrupted; all files on disk are complete"
        return _exit_with(said, INTERRUPTED)


def _exit_with(sentence: str, code: int) -> int:
    """Print in one line why a command ends, and return its exit code."""
    line = " ".join(sentence.splitlines())
    # the name or content of a file could hold control sequences for a terminal
    text = wrapped(f"tissue: {printable(line, LONGEST_MESSAGE)}", sys.stderr)
    print(painted("tissue:", "red", sys.stderr) + text.removeprefix("tissue:"), file=sys.stderr)
    return code


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Parser of the command line, and those of the commands by name."""
    parser = argparse.ArgumentParser(
        prog="tissue",
        description="Simulate how inflammation destroys trabecular bone on real micro-CT.",
    )
    parser.add_argument("--version", action="version", version=f"tissue {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")
    groups = (
        *(new, running, checking, measuring, strength, drawing, files, validating, catalog),
        *(bench, machine, completion),
    )
    for group in groups:
        group.add(commands)
    return parser, commands.choices


def _parsed(
    parser: argparse.ArgumentParser,
    commands: Mapping[str, argparse.ArgumentParser],
    words: Sequence[str],
) -> argparse.Namespace:
    """Options of a command line; a mistake ends the program with the use and one sentence."""
    asked = next((word for word in words if not word.startswith("-")), None)
    if asked is not None and asked not in commands:
        meant = did_you_mean(asked, commands)
        parser.error(
            f"there is no command {shown(asked)}{meant or '; tissue --help lists the commands'}"
        )
    options, left = parser.parse_known_args(words)
    if hasattr(options, "words"):  # argparse fills a list before the options only
        options.words += [word for word in left if not word.startswith("-")]
        left = [word for word in left if word.startswith("-")]
    if left:
        command = commands[options.name]
        if not left[0].startswith("-"):
            command.error(f"{shown(left[0])} is one word too many")
        known = re.findall(r"--[a-z][a-z-]*", command.format_usage())
        name = left[0].partition("=")[0]
        command.error(f"there is no option {shown(name)}{did_you_mean(name, known)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
