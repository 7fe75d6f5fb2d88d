"""`doctor`: is this machine fit for these settings?"""

import sys
from typing import Annotated

import msgspec
import typer

from bridge.cli.examination import Finding, Outcome, examine
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import Csv, ExitCode, Form, Json, console, form, rows

STYLES = {Outcome.OK: "green", Outcome.WARN: "bold yellow", Outcome.FAIL: "bold red"}


def doctor(
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Look whether this machine is fit: ports, clock, disk, journal lock, control socket, files, MQTT broker.

    May run beside the daemon. An MQTT broker is tried out: 2,500 messages below fixbridge/<name>/doctor for a reader
    that is away, which must get them all. Exits 6 when something fails.
    """
    found = settings(config, data_dir, set_)
    wanted = form(as_json=as_json, as_csv=as_csv)
    findings = []
    for finding in examine(found):
        findings.append(finding)
        if wanted is Form.AUTO:
            _show(finding)
    if wanted is not Form.AUTO:
        columns = ("check", "outcome", "found", "hint")
        rows(columns, [msgspec.to_builtins(finding) for finding in findings], form=wanted)
    bad = {Outcome.FAIL, Outcome.WARN} if strict else {Outcome.FAIL}
    problems = sum(finding.outcome in bad for finding in findings)
    if problems:
        print(f"{problems} problem{'s' * (problems > 1)}", file=sys.stderr)
        raise typer.Exit(ExitCode.PROBLEMS_FOUND)


def _show(finding: Finding) -> None:
    """A line as it is found: some checks take seconds, and a table would show nothing until the last."""
    out = console()
    style = STYLES[finding.outcome]
    out.print(f"[{style}]{finding.outcome.value:<4}[/]  {finding.check:<14}  ", end="")
    out.print(finding.found, markup=False)
    if finding.hint:
        out.print(f"{'':<22}{finding.hint}", markup=False, style="dim")
