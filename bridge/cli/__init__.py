"""The command line: `fixbridge NOUN VERB`. Tables on a terminal, plain text when piped, `--json` for programs."""

from bridge.cli.app import main

__all__ = ["main"]
