"""All commands in one place, grouped as `--help` shows them."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bridge.cli import (
    accounts,
    changes,
    completion,
    configuration,
    contexts,
    controls,
    costs,
    decode,
    demo,
    desk,
    doctor,
    journal,
    orders,
    paper,
    run,
    sandbox,
    statement,
    status,
    tokens,
    top,
)
from bridge.cli.output import console

DAEMON, LOOK, EVIDENCE, OTHER = "The daemon", "Look and control", "Evidence", "Housekeeping"


class Root(TyperGroup):
    """Takes its own options wherever they stand: `fixbridge orders --context desk` is as good as the other order."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Bring `--context NAME` and `--no-color` to the front."""
        return super().parse_args(ctx, hoisted(args))


def hoisted(args: list[str]) -> list[str]:
    """The arguments with the root's own options first; what follows `--` is left alone."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--context":
            front += [word, *[value for value in [next(words, None)] if value is not None]]
        elif word == "--no-color" or word.startswith("--context="):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


app = typer.Typer(
    name="fixbridge",
    cls=Root,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # they show local variables, and those may hold what must not be shown
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: "
    + ", ".join(f"{code.value} {meaning}" for code, meaning in configuration.EXIT_CODES.items())
    + ".",
)


@app.callback()
def root(
    no_color: Annotated[bool, typer.Option("--no-color", envvar="NO_COLOR", help="No colours.")] = False,
    context: Annotated[
        str | None,
        typer.Option(
            "--context",
            metavar="NAME",
            envvar="FIXBRIDGE_CONTEXT",
            help="Which daemon, by a name that `fixbridge context` knows; may also stand after the command.",
        ),
    ] = None,
) -> None:
    """FIX 4.4 in, any broker out: orders pass fail-closed risk checks and a durable journal on their way to a broker.

    Start with [b]fixbridge run[/b]: no configuration is needed, orders go to a paper broker.

    In a second terminal [b]fixbridge demo[/b] trades against it over FIX, [b]fixbridge status[/b] shows how it does.
    """
    contexts.chosen.set(context)
    if no_color:
        os.environ["NO_COLOR"] = "1"


app.command(rich_help_panel=DAEMON)(run.run)
app.command(rich_help_panel=DAEMON)(demo.demo)
app.add_typer(sandbox.sandbox_app, name="sandbox", rich_help_panel=DAEMON)
app.command(rich_help_panel=DAEMON)(configuration.check)
app.command(rich_help_panel=DAEMON)(configuration.init)
app.command(rich_help_panel=DAEMON)(changes.diff)
app.command(rich_help_panel=DAEMON)(doctor.doctor)
app.add_typer(configuration.config_app, name="config", rich_help_panel=DAEMON)
app.command(rich_help_panel=LOOK)(status.status)
app.command(rich_help_panel=LOOK)(top.top)
app.add_typer(orders.orders_app, name="orders", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(desk.fills)
app.command(rich_help_panel=LOOK)(desk.positions)
app.command(rich_help_panel=LOOK)(accounts.accounts)
app.command(rich_help_panel=LOOK)(status.quotes)
app.add_typer(paper.paper_app, name="paper", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(journal.tail)
app.add_typer(status.sessions_app, name="sessions", rich_help_panel=LOOK)
app.add_typer(status.brokers_app, name="brokers", rich_help_panel=LOOK)
app.add_typer(controls.risk_app, name="risk", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(controls.halt)
app.command(rich_help_panel=LOOK)(controls.kill)
app.command(rich_help_panel=LOOK)(controls.resume)
app.add_typer(journal.journal_app, name="journal", rich_help_panel=EVIDENCE)
app.command(rich_help_panel=EVIDENCE)(decode.decode)
app.command(rich_help_panel=EVIDENCE)(costs.costs)
app.command(rich_help_panel=EVIDENCE)(statement.statement)
app.add_typer(tokens.token_app, name="token", rich_help_panel=OTHER)
app.add_typer(contexts.context_app, name="context", rich_help_panel=OTHER)
app.command(rich_help_panel=OTHER)(configuration.password)
app.command(rich_help_panel=OTHER)(completion.completion)
app.command(rich_help_panel=OTHER)(configuration.version)


def main() -> None:
    """Entry point of `fixbridge` and `python -m bridge`."""
    try:
        app(prog_name="fixbridge")
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); a traceback would only confuse.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        console(stderr=True).print("interrupted")
        sys.exit(130)
