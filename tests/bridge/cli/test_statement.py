"""`fixbridge statement` over the journal of a real daemon."""

import json

from tests.bridge.cli.conftest import fixbridge, rows


def test_the_statement_of_today_adds_up(daemon):
    daemon.run("orders", "new", "buy", "MSFT", "3")
    daemon.run("orders", "new", "sell", "MSFT", "1")
    daemon.run("orders", "new", "buy", "AAPL", "500000")
    said = daemon.run("statement", "today")
    assert said.returncode == 0, said.stderr
    for line in ("no difference with any broker", "MAX_QTY", "filled", "rejected"):
        assert line in said.stdout
    told = [json.loads(line) for line in daemon.run("statement", "--json").stdout.splitlines()]
    (position,) = [row for row in told if row["section"] == "positions"]
    assert (position["symbol"], position["start"], position["bought"], position["sold"], position["end"]) == (
        "MSFT",
        "0",
        "3",
        "1",
        "2",
    )
    table = rows(daemon.run("statement", "--csv").stdout)
    assert {row["section"] for row in table} == {"orders", "executions", "positions", "refusals"}
    assert [row["count"] for row in table if row["code"] == "MAX_QTY"] == ["1"]
    other = rows(daemon.run("statement", "--csv", "--account", "NOBODY").stdout)
    assert not [row for row in other if row["section"] in ("executions", "positions")]


def test_a_day_without_entries_is_an_empty_statement(daemon):
    said = daemon.run("statement", "2020-02-29", "--zone", "America/New_York")
    assert said.returncode == 0
    assert "no execution" in said.stdout


def test_what_is_no_day_no_zone_or_no_journal_is_said(daemon, tmp_path):
    assert daemon.run("statement", "soon").returncode == 2
    assert daemon.run("statement", "--zone", "Mars/Base").returncode == 2
    said = fixbridge("statement", "--data-dir", str(tmp_path))
    assert said.returncode == 1
    assert "no journal in" in said.stderr
