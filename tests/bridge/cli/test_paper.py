"""`fixbridge paper` against a real daemon."""

import json
from collections.abc import Iterator

import pytest

from tests.bridge.cli.conftest import Running, rows


@pytest.fixture
def running(tmp_path) -> Iterator[Running]:
    daemon = Running(tmp_path)
    yield daemon
    daemon.stop()
    daemon.process.kill()


def test_paper_shows_what_the_broker_keeps(running):
    running.run("orders", "new", "buy", "MSFT", "3")
    (account,) = rows(running.run("paper", "--csv").stdout)
    assert (account["account"], account["broker"], account["currency"], account["held"]) == (
        "PAPER",
        "paper",
        "USD",
        "3 MSFT",
    )
    assert 0 < float(account["cash"]) < 1_000_000
    (position,) = rows(running.run("paper", "--positions", "--csv").stdout)
    assert (position["symbol"], position["qty"]) == ("MSFT", "3")
    told = json.loads(running.run("paper", "--json").stdout)
    assert told["positions"][0]["symbol"] == "MSFT"


def test_a_reset_begins_anew_on_both_sides_and_leaves_no_difference(running):
    running.run("orders", "new", "buy", "MSFT", "3")
    running.run("orders", "new", "short", "KO", "2")
    working = running.run("orders", "new", "buy", "XOM", "1", "--limit", "110")
    assert ": new" in working.stdout
    assert running.run("paper", "reset", "PAPER", stdin="no\n").returncode == 1
    assert len(rows(running.run("positions", "--csv").stdout)) == 2
    said = running.run("paper", "reset", "PAPER", "--cash", "5000", stdin="PAPER\n")
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("PAPER: 5,000.00 USD, no position, no order\n")
    assert rows(running.run("positions", "--csv").stdout) == []
    assert rows(running.run("orders", "--csv").stdout) == []
    taken = [
        json.loads(line)
        for line in running.run("journal", "cat", "-t", "position_adopted", "--json").stdout.split("\n")
        if line
    ]
    assert {(each["event"]["symbol"], each["event"]["was"]) for each in taken} == {("MSFT", "3"), ("KO", "-2")}
    assert all("paper account reset" in each["event"]["reason"] for each in taken)
    assert all(each["event"]["who"].startswith("cli:") for each in taken)
    assert len(rows(running.run("fills", "--csv").stdout)) == 2
    assert running.run("statement").returncode == 0
    reconciled = running.run("brokers", "reconcile", "paper")
    assert "0 differences" in reconciled.stdout
    refused = running.run("orders", "new", "buy", "SPY", "20", "--limit", "570")
    assert refused.returncode == 3
    assert "BUYING_POWER" in refused.stderr
    assert running.run("orders", "new", "buy", "KO", "1").returncode == 0


def test_a_reset_outlives_a_restart(running, tmp_path):
    running.run("orders", "new", "buy", "MSFT", "3")
    assert running.run("paper", "reset", "PAPER", "--yes").returncode == 0
    assert running.stop() == 0
    again = Running(tmp_path)
    try:
        (account,) = rows(again.run("paper", "--csv").stdout)
        assert (account["cash"], account["held"]) == ("1000000.00", "")
        assert rows(again.run("positions", "--csv").stdout) == []
        assert "0 differences" in again.run("brokers", "reconcile", "paper").stdout
    finally:
        again.stop()


def test_what_is_no_paper_account_is_not_reset(running):
    assert running.run("paper", "reset", "NOPE", "--yes").returncode == 2
    said = running.run("paper", "reset", "NOPE", "--cash", "1", "--yes")
    assert said.returncode == 1
    assert "no account NOPE" in said.stderr
    assert running.run("paper", "reset", "PAPER", "--cash", "-1", "--yes").returncode == 1
    assert running.run("paper", "reset", "PAPER", "--cash", "lots", "--yes").returncode == 2
