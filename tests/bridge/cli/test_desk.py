"""The commands of the desk, against a real daemon in a process of its own."""

import csv
import json
import shutil
import signal
import subprocess
import sys

import pytest

from tests.bridge.cli.conftest import Running, environment, fixbridge, rows


def enter(daemon: Running, *order: str) -> int:
    """Enter an order by the command line; gives its OrderID(37)."""
    said = daemon.run("orders", "new", *order)
    assert said.returncode == 0, said.stderr
    return int(said.stdout.split(":")[0].removeprefix("order "))


def test_status_shows_the_daemon_in_one_screen(daemon):
    said = daemon.run("status")
    assert said.returncode == 0
    assert "fixbridge local  PAPER" in said.stdout
    assert "TRADING  active" in said.stdout
    told = json.loads(daemon.run("status", "--json").stdout)
    assert told["status"]["mode"] == "paper"
    assert [broker["state"] for broker in told["brokers"]] == ["ready"]


def test_without_a_daemon_the_answer_is_exit_5_and_what_to_do(tmp_path):
    said = fixbridge("status", "--data-dir", str(tmp_path))
    assert said.returncode == 5
    assert f"no daemon answers for the data directory {tmp_path}" in said.stderr
    assert "fixbridge run" in said.stderr


def test_a_market_order_is_filled_and_told_with_its_price(daemon):
    said = daemon.run("orders", "new", "buy", "MSFT", "3")
    assert said.returncode == 0
    assert "buy 3 MSFT market: filled, 3 filled at " in said.stdout


def test_a_refused_order_exits_3_and_names_the_rule_and_the_limit(daemon):
    said = daemon.run("orders", "new", "buy", "AAPL", "500000")
    assert said.returncode == 3
    assert "refused  MAX_QTY  R02 OrderQty(38) 500,000 over limit 10,000" in said.stderr


def test_a_limit_order_is_listed_replaced_shown_and_cancelled(daemon):
    order = enter(daemon, "buy", "KO", "10", "--limit", "69.50", "--tif", "gtc")
    (row,) = rows(daemon.run("orders", "--symbol", "KO", "--csv").stdout)
    assert (row["order_id"], row["ord_status"], row["price"]) == (str(order), "new", "69.50")
    replaced = daemon.run("orders", "replace", str(order), "--limit", "69.40")
    assert f"order {order}: buy 10 KO limit at 69.40: new" in replaced.stdout
    shown = daemon.run("orders", "show", str(order)).stdout
    assert "order_received" in shown
    assert "order_replaced" in shown
    canceled = daemon.run("orders", "cancel", str(order))
    assert f"order {order}: buy 10 KO limit at 69.40: canceled" in canceled.stdout
    assert str(order) not in daemon.run("orders", "--symbol", "KO").stdout
    assert str(order) in daemon.run("orders", "--symbol", "KO", "--all").stdout


def test_the_same_id_again_is_no_second_order(daemon):
    order = ("buy", "PG", "1", "--limit", "168", "--id", "only-once")
    first = enter(daemon, *order)
    again = daemon.run("orders", "new", *order)
    assert again.returncode == 0
    assert f"order {first}:" in again.stdout
    assert "known already" in again.stdout


def test_a_dry_run_shows_every_rule_and_places_nothing(daemon):
    before = daemon.run("orders", "--all", "--json").stdout
    said = daemon.run("orders", "new", "buy", "AAPL", "10", "--dry-run", "--json")
    assert said.returncode == 0
    assert {"R02", "R03", "R04"} <= {json.loads(line)["rule"] for line in said.stdout.splitlines()}
    assert daemon.run("orders", "new", "buy", "AAPL", "500000", "--dry-run").returncode == 3
    assert daemon.run("orders", "--all", "--json").stdout == before


@pytest.mark.parametrize(
    "order", [("buy", "AAPL", "many"), ("hold", "AAPL", "1"), ("buy", "AAPL", "1", "--tif", "never")]
)
def test_an_order_that_cannot_be_read_is_wrong_usage(daemon, order):
    assert daemon.run("orders", "new", *order).returncode == 2


def test_fills_and_positions_add_up(daemon):
    enter(daemon, "buy", "XOM", "7")
    enter(daemon, "sell", "XOM", "2")
    fills = [json.loads(line) for line in daemon.run("fills", "--symbol", "XOM", "--json").stdout.splitlines()]
    bought = sum(float(fill["qty"]) * (1 if fill["side"] == "buy" else -1) for fill in fills)
    (position,) = rows(daemon.run("positions", "--symbol", "XOM", "--csv").stdout)
    assert float(position["qty"]) == bought == 5


def test_quotes_have_an_age_and_a_spread(daemon):
    (row,) = [json.loads(line) for line in daemon.run("quotes", "AAPL", "--json").stdout.splitlines()]
    assert float(row["bid"]) < float(row["ask"])
    assert row["age_ms"] >= 0


def test_a_halt_refuses_until_a_named_person_takes_it_back(daemon):
    assert daemon.run("halt", "--symbol", "GE", "--reason", "test").returncode == 0
    refused = daemon.run("orders", "new", "buy", "GE", "1")
    assert refused.returncode == 3
    assert "HALTED" in refused.stderr
    assert daemon.run("resume", "--symbol", "GE", "--reason", "done", stdin="no\n").returncode == 1
    assert daemon.run("resume", "--symbol", "GE", "--reason", "done", stdin="GE\n").returncode == 0
    enter(daemon, "buy", "GE", "1")


def test_kill_cancels_what_works_and_says_that_nothing_is_left(daemon):
    order = enter(daemon, "buy", "JNJ", "1", "--limit", "160")
    said = daemon.run("kill", "--symbol", "JNJ", "--reason", "test", "--yes", "--wait", "15")
    assert said.returncode == 0, said.stderr
    assert "killed, nothing left" in said.stdout
    assert str(order) not in daemon.run("orders", "--symbol", "JNJ").stdout
    assert daemon.run("resume", "--symbol", "JNJ", "--reason", "done", "--yes").returncode == 0


def test_controls_want_one_scope_and_a_reason(daemon):
    assert daemon.run("halt").returncode == 2
    assert daemon.run("halt", "-r", "x", "--symbol", "A", "--account", "B").returncode == 2


def test_a_limit_is_changed_through_the_audited_door(daemon):
    said = daemon.run("risk", "set", "R02", "5", "--symbol", "CVX", "--reason", "test")
    assert said.stdout == "R02 symbol CVX: 5\n", said.stderr
    refused = daemon.run("orders", "new", "buy", "CVX", "6")
    assert refused.returncode == 3
    assert "over limit 5 " in refused.stderr
    loosened = daemon.run("risk", "set", "R02", "20000", "--symbol", "CVX", "--reason", "test")
    assert "for it may loosen; now 5" in loosened.stdout
    assert daemon.run("orders", "new", "buy", "CVX", "6").returncode == 3
    rules = [json.loads(line) for line in daemon.run("risk", "limits", "--json").stdout.splitlines()]
    assert any(rule["rule"] == "R02" and rule.get("name") == "CVX" and rule["value"] == "5" for rule in rules)
    entries = [
        json.loads(line) for line in daemon.run("journal", "cat", "-t", "limit_changed", "--json").stdout.splitlines()
    ]
    assert entries[-1]["event"]["reason"] == "test"
    assert entries[-1]["event"]["who"].startswith("cli:")


def test_sessions_and_brokers_are_listed(daemon):
    (session,) = rows(daemon.run("sessions", "--csv").stdout)
    assert session["session"] == "STRATEGY"
    (broker,) = rows(daemon.run("brokers", "--csv").stdout)
    assert (broker["broker"], broker["state"]) == ("paper", "ready")


def test_a_piped_table_is_plain_aligned_columns(daemon):
    title, line = daemon.run("brokers").stdout.splitlines()
    assert title.split()[:3] == ["BROKER", "MODE", "STATE"]
    assert line.index("ready") == title.index("STATE")


def test_a_sessions_numbers_are_set_and_reset_with_confirmation(daemon):
    wanted = ("sessions", "set-seq", "STRATEGY", "--in", "7", "--out", "9", "--reason", "test")
    assert daemon.run(*wanted, stdin="nonsense\n").returncode == 1
    assert "next in 7, next out 9" in daemon.run(*wanted, stdin="STRATEGY\n").stdout
    assert "next in 1, next out 1" in daemon.run("sessions", "reset", "STRATEGY", "-r", "test", "--yes").stdout


def test_the_broker_agrees_with_the_book(daemon):
    said = daemon.run("brokers", "reconcile", "paper")
    assert said.returncode == 0
    assert "0 differences" in said.stdout


def test_the_journal_verifies_replays_and_exports(daemon, tmp_path):
    enter(daemon, "buy", "DIS", "1")
    assert ": whole (" in daemon.run("journal", "verify", "--fold").stdout
    before = daemon.run("journal", "replay", "--upto", "4")
    assert "0 orders, 0 working" in before.stdout
    assert "DIS" in daemon.run("journal", "replay").stdout
    assert daemon.run("journal", "export", str(tmp_path / "all.csv")).returncode == 0
    with (tmp_path / "all.csv").open() as file:
        assert any(row["symbol"] == "DIS" and row["type"] == "order_received" for row in csv.DictReader(file))
    assert daemon.run("journal", "export", str(tmp_path / "all.jsonl")).returncode == 0
    last = (tmp_path / "all.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["order"]["symbol"] == "DIS"
    assert daemon.run("journal", "export", str(tmp_path / "all.xls")).returncode == 2
    names = [row["file"] for row in rows(daemon.run("journal", "ls", "--csv").stdout)]
    assert any(name.endswith(".journal") for name in names)


def test_a_damaged_journal_exits_6_and_names_the_place(daemon, tmp_path):
    enter(daemon, "buy", "BAC", "1")
    copy = tmp_path / "copy"
    shutil.copytree(daemon.data_dir / "journal", copy / "journal")
    (segment,) = (copy / "journal").glob("*.journal")
    data = bytearray(segment.read_bytes())
    data[len(data.rstrip(b"\0")) // 2] ^= 1
    segment.write_bytes(data)
    said = fixbridge("journal", "verify", "--data-dir", str(copy))
    assert said.returncode == 6, said.stdout
    assert segment.name in said.stderr
    planned = fixbridge("journal", "repair", "--dry-run", "--data-dir", str(copy))
    assert f"{segment.name} is damaged at byte" in planned.stdout
    assert fixbridge("journal", "verify", "--data-dir", str(copy)).returncode == 6
    assert fixbridge("journal", "repair", "--data-dir", str(copy), stdin="no\n").returncode == 1
    assert fixbridge("journal", "repair", "--yes", "--data-dir", str(copy)).returncode == 0
    assert fixbridge("journal", "verify", "--data-dir", str(copy)).returncode == 0


def test_the_demo_trades_over_fix_and_leaves_in_order(daemon):
    said = daemon.run("demo", "--port", str(daemon.port), "--orders", "6", "--pace", "0.05")
    assert said.returncode == 0, said.stderr
    assert "logged on as STRATEGY at BRIDGE" in said.stdout
    assert "logged out" in said.stdout
    assert "fill " in said.stdout
    assert "\x1b" not in said.stdout


def test_the_demo_without_a_daemon_exits_5_and_says_how_to_start_one():
    said = fixbridge("demo", "--port", "1")
    assert said.returncode == 5
    assert "nobody listens at 127.0.0.1:1" in said.stderr
    assert "make run" in said.stderr


def test_the_daemons_own_fix_log_can_be_decoded(daemon):
    daemon.run("demo", "--port", str(daemon.port), "--orders", "1", "--pace", "0.05")
    logs = sorted((daemon.data_dir / "log").glob("*"))
    said = daemon.run("decode", str(logs[0]), "--type", "NewOrderSingle")
    assert said.returncode == 0, said.stderr
    assert "NewOrderSingle(D)" in said.stdout
    assert "Side(54)=1 buy" in said.stdout


def test_tail_shows_an_entry_as_it_comes_and_says_how_to_go_on(daemon):
    command = [sys.executable, "-m", "bridge", "tail", "--json", "--type", "order_received"]
    tail = subprocess.Popen(
        [*command, "--after", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(FIXBRIDGE_DATA_DIR=str(daemon.data_dir)),
    )
    assert tail.stdout is not None
    order = enter(daemon, "buy", "HD", "1")
    told = next(entry for line in tail.stdout if (entry := json.loads(line))["seq"] == order)
    assert told["order"]["symbol"] == "HD"
    tail.send_signal(signal.SIGINT)
    _, errors = tail.communicate(timeout=10)
    assert "go on with --after " in errors


def test_a_token_is_made_listed_and_revoked_and_its_secret_shown_once(tmp_path):
    where = ("--data-dir", str(tmp_path))
    made = fixbridge("token", "new", "desk", "--role", "trade", "--account", "PAPER", *where)
    assert made.stdout.startswith("fbt_")
    listed = fixbridge("token", "ls", *where)
    assert "desk" in listed.stdout
    assert made.stdout.strip() not in listed.stdout
    assert fixbridge("token", "new", "desk", "--role", "read", *where).returncode == 1
    assert fixbridge("token", "new", "two", "--role", "read", "--account", "NOPE", *where).returncode == 1
    assert fixbridge("token", "revoke", "desk", *where, stdin="desk\n").returncode == 0
    assert "desk" not in fixbridge("token", "ls", *where).stdout
    assert fixbridge("token", "revoke", "desk", "--yes", *where).returncode == 1


def test_quotes_without_a_symbol_are_all_that_were_quoted(daemon):
    symbols = {row["symbol"] for row in rows(daemon.run("quotes", "--csv").stdout)}
    assert {"AAPL", "SPY", "BTC/USD"} <= symbols


def test_risk_states_name_every_scope_that_is_not_active_since_when_by_whom_and_why(daemon):
    assert daemon.run("risk", "states").stdout == ""
    daemon.run("halt", "--symbol", "PFE", "--state", "reduce_only", "--reason", "news")
    daemon.run("kill", "--symbol", "T", "--reason", "test", "--yes", "--wait", "15")
    try:
        killed, halted = rows(daemon.run("risk", "states", "--csv").stdout)
        assert (halted["scope"], halted["name"], halted["state"], halted["reason"], halted["kill"]) == (
            "symbol",
            "PFE",
            "reduce_only",
            "news",
            "no",
        )
        assert halted["who"].startswith("cli:")
        assert (killed["name"], killed["kill"]) == ("T", "yes")
        assert int(killed["seq"]) > int(halted["seq"])
        assert killed["time"] > halted["time"]
    finally:
        for symbol in ("PFE", "T"):
            assert daemon.run("resume", "--symbol", symbol, "--reason", "done", "--yes").returncode == 0


def test_a_watched_list_is_shown_again_until_ctrl_c_which_is_exit_0(daemon):
    watching = subprocess.Popen(
        [sys.executable, "-m", "bridge", "brokers", "--csv", "--watch", "0.2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(FIXBRIDGE_DATA_DIR=str(daemon.data_dir)),
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("broker,mode,state")
    assert [watching.stdout.readline().split(",")[0] for _ in range(3)] == ["paper"] * 3
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=10)
    assert (watching.returncode, errors) == (0, "")


def test_accounts_show_the_money_and_the_day(daemon):
    enter(daemon, "buy", "WMT", "2")
    (account,) = rows(daemon.run("accounts", "--csv").stdout)
    assert (account["account"], account["currency"]) == ("PAPER", "USD")
    assert float(account["cash"]) < float(account["equity"]) + 1
    assert 900_000 < float(account["equity"]) < 1_100_000
    assert int(account["held"]) >= 1
    assert json.loads(daemon.run("accounts", "--json").stdout)["account"] == "PAPER"
