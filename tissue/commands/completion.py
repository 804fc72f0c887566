"""Command that prints the completion of a shell, and the answer to a shell that asks."""

import argparse
import os

from tissue.commands.common import Commands

SHELLS = ("bash", "zsh", "fish")


def add(commands: Commands) -> None:
    """Add completion."""
    command = commands.add_parser(
        "completion", help="print the script that completes commands, options and names in a shell"
    )
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = (
        "A line in the start file of the shell switches completion on:\n\n"
        '  ~/.bashrc                   eval "$(tissue completion bash)"\n'
        '  ~/.zshrc, after compinit    eval "$(tissue completion zsh)"\n'
        "  ~/.config/fish/config.fish  tissue completion fish | source"
    )
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    command.set_defaults(command=_completion)


def answer_shell(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completion, and end the program; else do nothing."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def _completion(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["tissue"], shell=options.shell))
    return 0
