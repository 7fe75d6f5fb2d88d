"""Asking the running engine over its socket, and what its answers mean for the exit code."""

from typing import Any, TypeVar

from rich.text import Text

from bridge.cli.output import ExitCode, console, fail
from bridge.control import NoAnswer, Unreachable, ask_once
from bridge.problems import Problem, ProblemError
from bridge.settings import Settings

T = TypeVar("T")

SECONDS = 5.0


def ask(settings: Settings, name: str, answer: type[T], /, *, within: float = SECONDS, **arguments: Any) -> T:
    """Run one command; on a refusal or without an answer say why and exit with the documented code."""
    try:
        return ask_once(settings.control_socket, name, answer, arguments, timeout=within)
    except Unreachable:
        fail(
            f"no daemon answers for the data directory {settings.data_dir}; "
            "name the right one with --data-dir, or start it with `fixbridge run`",
            ExitCode.NOT_REACHABLE,
        )
    except NoAnswer as error:
        fail(f"{error}; whether it was done is unknown, look before you repeat it", ExitCode.OUTCOME_UNKNOWN)
    except ProblemError as error:
        refused(error.problem)
    raise AssertionError("every branch has ended")


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
