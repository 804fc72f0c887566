"""The command `tissue`."""

import argparse
import os
import sys
from collections.abc import Sequence

from tissue import __version__
from tissue.commands import looking, model, results, running
from tissue.commands.common import BAD_INPUT, INTERRUPTED, RUN_FAILED, STOPPED
from tissue.errors import InputError, RunError, RunStopped


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    options = _parser().parse_args(arguments)
    # XLA's loader of programs kept on disk takes two tuning hints for missing machine features
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except InputError as error:
        print(f"tissue: {error}", file=sys.stderr)
        return BAD_INPUT
    except RunError as error:
        print(f"tissue: {error}", file=sys.stderr)
        return RUN_FAILED
    except RunStopped as stopped:
        print(f"tissue: {stopped}", file=sys.stderr)
        return STOPPED
    except OSError as error:
        if error.filename is None:
            raise
        print(
            f"tissue: {error.filename} cannot be read or written ({error.strerror})",
            file=sys.stderr,
        )
        return RUN_FAILED
    except MemoryError:
        print(
            "tissue: the memory is too small for this grid; use coarser voxels or a smaller box",
            file=sys.stderr,
        )
        return RUN_FAILED
    except KeyboardInterrupt:
        print("tissue: interrupted; what is on disk is whole", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tissue",
        description="Simulates how inflammation destroys trabecular bone, on real micro-CT.",
    )
    parser.add_argument("--version", action="version", version=f"tissue {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (running, looking, results, model):
        group.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
