"""`fixbridge costs` over a journal."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.journal.file import FileJournal
from bridge.orders.events import Entry
from sessions.clock import SystemClock
from tests.bridge.outputs.day import busy_day

run = CliRunner()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a scripted day in its journal."""
    directory = tmp_path_factory.mktemp("data")
    journal = FileJournal(directory / "journal", mode="write", clock=SystemClock())
    shift = journal.next_seq - 1
    script = busy_day(1)
    for entry in script.entries:
        event = entry.event
        order_id = getattr(event, "order_id", 0)
        if order_id:
            from msgspec.structs import replace

            event = replace(event, order_id=order_id + shift)
        journal.append([Entry(entry.seq + shift, entry.time, event, entry.account_prev)])
    journal.close()
    return directory


def costs(data_dir: Path, *arguments: str) -> str:
    done = run.invoke(app, ["costs", "--data-dir", str(data_dir), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_row_for_each_broker_by_default(data_dir: Path) -> None:
    lines = costs(data_dir).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["alpaca-paper", "ib", "paper"]
    assert "SLIPPAGE BPS" in lines[0]


def test_json_and_csv_carry_every_figure(data_dir: Path) -> None:
    objects = [json.loads(line) for line in costs(data_dir, "--by", "broker,symbol", "--json").splitlines()]
    assert len(objects) == 9
    assert {"realised_bps_60s", "shortfall_bps", "opportunity_bps"} <= objects[0].keys()
    [*rows] = csv.DictReader(io.StringIO(costs(data_dir, "--fills", "--csv")))
    assert {"exec_id", "arrival_mid", "slippage_bps"} <= rows[0].keys()


def test_a_page_is_written(data_dir: Path, tmp_path: Path) -> None:
    assert costs(data_dir, "--html", str(tmp_path / "costs.html")) == ""
    assert "<svg" in (tmp_path / "costs.html").read_text()


def test_only_the_account_asked_for(data_dir: Path) -> None:
    [one] = [
        json.loads(line) for line in costs(data_dir, "--by", "account", "--account", "ACC2", "--json").splitlines()
    ]
    assert one["account"] == "ACC2"


def test_an_unknown_dimension_is_a_usage_error(data_dir: Path) -> None:
    done = run.invoke(app, ["costs", "--data-dir", str(data_dir), "--by", "colour"])
    assert done.exit_code == 2
    assert "colour is none of broker, symbol" in done.output
