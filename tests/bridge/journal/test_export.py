import csv
import json
import sqlite3
from decimal import Decimal

import pytest

from bridge.interfaces import JournalError
from bridge.journal.encoding import order_state, to_json
from bridge.journal.evidence import cat, cat_records
from bridge.journal.export import columns, export
from bridge.journal.state import blotter_at
from bridge.orders.events import OrderFilled
from tests.bridge.journal.trading import day_of_trading


def test_csv_has_every_entry_with_exact_decimals_and_quoted_text(tmp_path):
    last = day_of_trading(tmp_path / "j", orders=20)
    assert export(tmp_path / "j", tmp_path / "out.csv", "csv") == last
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == columns()
    assert [int(row["seq"]) for row in rows] == list(range(1, last + 1))
    fills = {entry.seq: entry.event for entry in cat(tmp_path / "j") if isinstance(entry.event, OrderFilled)}
    told = {int(row["seq"]): row for row in rows if row["type"] == "order_filled"}
    assert told.keys() == fills.keys()
    for seq, fill in fills.items():
        assert Decimal(told[seq]["last_qty"]) == fill.last_qty
        assert "E" not in told[seq]["last_qty"]
        assert json.loads(told[seq]["cost"]) == {"arrival_mid": "187.23", "slippage_bps": "1.07"}
    assert any(row["text"] == 'a "quoted", comma-ridden text\nin two lines' for row in rows)


def test_sqlite_has_entries_and_the_orders_they_fold_to(tmp_path):
    last = day_of_trading(tmp_path / "j", orders=20)
    assert export(tmp_path / "j", tmp_path / "out.db", "sqlite") == last
    database = sqlite3.connect(tmp_path / "out.db")
    assert database.execute("select count(*), max(seq) from entries").fetchone() == (last, last)
    assert database.execute(
        "select typeof(last_qty), typeof(seq) from entries where type = 'order_filled'"
    ).fetchone() == (
        "text",
        "integer",
    )
    told = database.execute("select order_id, ord_status, cum_qty, avg_px from orders order by order_id").fetchall()
    orders = [json.loads(to_json(order_state(order))) for order in blotter_at(tmp_path / "j").orders()]
    assert told == [(o["order_id"], o["ord_status"], o["cum_qty"], o["avg_px"]) for o in orders]
    database.close()


def test_a_part_can_be_exported(tmp_path):
    day_of_trading(tmp_path / "j", orders=10)
    assert export(tmp_path / "j", tmp_path / "out.csv", "csv", after=10, upto=15) == 5
    assert export(tmp_path / "j", tmp_path / "out.db", "sqlite", after=10, upto=15) == 5


def test_parquet_is_exact_where_pyarrow_is_installed_and_a_clear_refusal_elsewhere(tmp_path):
    last = day_of_trading(tmp_path / "j", orders=20)
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        with pytest.raises(JournalError, match="pip install pyarrow"):
            export(tmp_path / "j", tmp_path / "out.parquet", "parquet")
        assert not (tmp_path / "out.parquet").exists()
        return
    assert export(tmp_path / "j", tmp_path / "out.parquet", "parquet") == last
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    fills = [entry.event.last_qty for entry in cat(tmp_path / "j") if isinstance(entry.event, OrderFilled)]
    assert [Decimal(row["last_qty"]) for row in table if row["type"] == "order_filled"] == fills
    assert [row["seq"] for row in table] == list(range(1, last + 1))


def test_an_export_never_overwrites_and_leaves_no_half_file(tmp_path):
    day_of_trading(tmp_path / "j", orders=10)
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(JournalError, match="never overwrites"):
        export(tmp_path / "j", tmp_path / "mine.csv", "csv")
    assert (tmp_path / "mine.csv").read_text() == "mine"
    path = tmp_path / "j" / "0000000000000001.journal"
    path.write_bytes(path.read_bytes().replace(b"ACC2", b"ACC3", 1))
    for kind in ("csv", "sqlite"):
        with pytest.raises(JournalError):
            export(tmp_path / "j", tmp_path / "half", kind)
        assert not (tmp_path / "half").exists()


def test_the_records_are_those_of_the_file(tmp_path):
    day_of_trading(tmp_path, orders=5)
    lines = (tmp_path / "0000000000000001.journal").read_bytes().splitlines()
    assert list(cat_records(tmp_path)) == [line[9:] for line in lines if line[8:9] == b" "][1:]
