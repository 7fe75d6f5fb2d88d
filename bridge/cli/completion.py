"""`completion`: the script by which a shell completes our commands and options."""

from enum import Enum
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script


class Shell(Enum):
    """The shells there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell.")]) -> None:
    """Print the completion script of a shell.

    bash: fixbridge completion bash > ~/.local/share/bash-completion/completions/fixbridge

    zsh: fixbridge completion zsh > "${fpath[1]}/_fixbridge"

    fish: fixbridge completion fish > ~/.config/fish/completions/fixbridge.fish
    """
    print(get_completion_script(prog_name="fixbridge", complete_var="_FIXBRIDGE_COMPLETE", shell=shell.value))
