"""Asking the running engine over its socket, and what its answers mean for the exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.text import Text

from bridge.cli.output import ExitCode, console, fail
from bridge.cli.remote import NotOverRest, Remote
from bridge.control import NoAnswer, Unreachable, ask_once
from bridge.control_commands import READS
from bridge.problems import Problem, ProblemError
from bridge.settings import Settings

T = TypeVar("T")

SECONDS = 5.0


def ask(found: Settings | Remote, name: str, answer: type[T], /, *, within: float = SECONDS, **arguments: Any) -> T:
    """Run one command; on a refusal or without an answer say why and exit with the documented code."""
    with answered(found, changes=name not in READS):
        if isinstance(found, Remote):
            try:
                return found.ask(name, answer, arguments, timeout=within)
            except NotOverRest as error:
                fail(f"{error} is not taken over REST: run it where {found.url} is", ExitCode.USAGE)
        return ask_once(found.control_socket, name, answer, arguments, timeout=within)
    raise AssertionError("every branch has ended")


@contextmanager
def answered(found: Settings | Remote, *, changes: bool = False) -> Iterator[None]:
    """What a question's failures mean for the exit code; `changes` tells whether it may have done something."""
    try:
        yield
    except Unreachable as error:
        if isinstance(found, Remote):
            fail(str(error), ExitCode.NOT_REACHABLE)
        fail(
            f"no daemon answers for the data directory {found.data_dir}; "
            "name the right one with --data-dir, or start it with `fixbridge run`",
            ExitCode.NOT_REACHABLE,
        )
    except NoAnswer as error:
        if not changes:
            fail(str(error), ExitCode.NOT_REACHABLE)
        fail(f"{error}; whether it was done is unknown, look before you repeat it", ExitCode.OUTCOME_UNKNOWN)
    except ProblemError as error:
        refused(error.problem)


def refused(problem: Problem) -> None:
    """Print a refusal as one line and exit: 3 when risk or the broker refused, else 1."""
    text = Text("refused  ", style="bold red") if problem.slug == "refused" else Text()
    if problem.code:
        text.append(f"{problem.code}  ", style="bold")
    text.append(problem.detail or problem.title)
    numbers = [f"{name} {value}" for name, value in (("order", problem.order_id), ("seq", problem.seq)) if value]
    if numbers:
        text.append(f"  ({', '.join(numbers)})", style="dim")
    if problem.slug == "refused":
        console(stderr=True).print(text)
        raise SystemExit(ExitCode.REFUSED)
    code = {"outcome-unknown": ExitCode.OUTCOME_UNKNOWN, "unavailable": ExitCode.NOT_REACHABLE}
    fail(text.plain, code.get(problem.slug, ExitCode.ERROR))
