"""`top`: the running daemon live in the terminal. Needs the extra `top` (textual)."""

from importlib.util import find_spec
from typing import Annotated

import typer

from bridge.cli.book import released
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import fail


def top(
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="Orders shown, working ones first.")] = 200,
) -> None:
    """Show sessions, orders, limits and latency live, once a second.

    Keys: tab goes from table to table, f shows only working orders or all, p holds the picture, q leaves.
    """
    if find_spec("textual") is None:
        fail("top needs its library: pip install 'fixbridge[top]'; `fixbridge status --watch 1` needs none")
    from bridge.cli.top_screen import Top

    found = settings(config, data_dir, set_)
    released(found)  # says at once when there is no journal
    Top(found.control_socket, found.journal_dir, last=last).run()
