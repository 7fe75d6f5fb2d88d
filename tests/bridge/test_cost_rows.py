"""Fills and orders from entries, grouped, exported: the figures of `fixbridge costs`."""

import csv
import importlib.util
import io
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bridge.cost_export import ParquetMissing, page, write_csv, write_parquet
from bridge.cost_rows import CostRows, collect
from bridge.cost_table import UnknownDimension, table, worst
from bridge.orders.events import OutcomeUnknown, Request, TradeBusted, TradeCorrected
from fixspec.enums import OrdType, Side
from tests.bridge.outputs.day import busy_day
from tests.bridge.outputs.script import Script

D = Decimal


def bought(
    script: Script, *, fills: tuple[tuple[str, str], ...], decision: str | None = None, cancel: bool = False
) -> int:
    script.quote("AAPL", "99.98", "100.02")
    order = script.working(ord_type=OrdType.MARKET, decision_px=decision)
    for qty, px in fills:
        script.later(0.5)
        script.fill(order, qty, px, commission="0.10")
    if cancel:
        script.quote("AAPL", "100.48", "100.52")
        script.cancel(order)
    return order


def test_a_part_filled_order_that_is_cancelled_has_all_four_parts() -> None:
    script = Script()
    order = bought(script, fills=(("40", "100.02"), ("20", "100.04")), decision="99.90", cancel=True)
    row = collect(script.entries).orders[order]
    assert (row.result, row.fill_ratio, row.benchmark) == ("canceled", D("0.6"), "decision")
    # Q·D = 9990; delay 100*(100-99.9)=10; trading 40*.02+20*.04=1.6; opportunity 40*(100.5-100)=20; fees 0.20
    assert (row.delay_bps, row.trading_bps, row.opportunity_bps, row.fees_bps) == (
        D("10.01"), D("1.60"), D("20.02"), D("0.20"),
    )  # fmt: skip
    assert row.shortfall_bps == D("31.83")
    assert row.client_delay_bps == D("10.01")
    assert row.to_first_fill_s == 0.5
    assert row.cancel_s == pytest.approx(0.02)


def test_a_filled_order_tells_its_times_and_its_average() -> None:
    script = Script()
    order = bought(script, fills=(("40", "100.02"), ("60", "100.04")))
    row = collect(script.entries).orders[order]
    assert (row.result, row.avg_px, row.slippage_bps, row.to_end_s) == ("filled", D("100.032"), D("3.20"), 1.0)
    assert (row.benchmark, row.delay_bps, row.opportunity_bps) == ("arrival", D("0.00"), D("0.00"))


def test_a_corrected_fill_is_measured_anew_and_a_busted_one_is_gone() -> None:
    script = Script()
    order = bought(script, fills=(("40", "100.02"), ("60", "100.04")))
    first, second = (f"E{seq}" for seq in (4, 5))
    common = {"order_id": order, "broker_exec_id": "X", "transact_time": script.now}
    script.add(TradeCorrected(exec_id="E4.1", exec_ref_id=first, last_qty=D(40), last_px=D("100.01"), **common))
    script.add(TradeBusted(exec_id="E5.1", exec_ref_id=second, **common))
    [fill] = collect(script.entries).fills.values()
    assert (fill.exec_id, fill.px, fill.slippage_bps, fill.effective_spread_bps) == (
        "E4.1", D("100.01"), D("1.00"), D("2.00"),
    )  # fmt: skip


def test_groups_weigh_by_value_and_money_is_exact() -> None:
    script = Script()
    bought(script, fills=(("40", "100.02"), ("60", "100.04")))
    script.quote("AAPL", "99.98", "100.02")
    script.fill(script.working(side=Side.SELL, price="100.00"), "100", "100.00")
    [whole] = table(collect(script.entries), ())
    assert (whole.orders, whole.fills, whole.measured) == (2, 3, 3)
    assert whole.cost == D("3.20")  # 40 * 0.02 + 60 * 0.04 + 0
    assert whole.slippage_bps == D("1.60")
    assert whole.fill_ratio == D("1.0000")
    bought_, sold = table(collect(script.entries), ("side",))
    assert (bought_.key, sold.key) == ({"side": "buy"}, {"side": "sell"})
    assert (bought_.slippage_bps, sold.slippage_bps) == (D("3.20"), D("0.00"))


def test_currencies_are_never_added() -> None:
    script = Script()
    bought(script, fills=(("100", "100.02"),))
    script.quote("SAP", "99.98", "100.02")
    order = script.order("SAP", ord_type=OrdType.MARKET)
    from msgspec.structs import replace

    script.entries[-1] = replace(script.entries[-1], event=replace(script.entries[-1].event, currency="EUR"))
    script.route(order)
    script.fill(order, "100", "100.02")
    assert [group.currency for group in table(collect(script.entries), ())] == ["EUR", "USD"]


def test_refusals_cancels_and_unknown_outcomes_are_counted() -> None:
    script = Script()
    script.reject(script.order())
    script.cancel(script.working())
    order = script.order()
    script.route(order)
    script.add(OutcomeUnknown(order_id=order, request=Request.SUBMIT, text="no answer"))
    script.later(12)
    script.accept(order)
    [whole] = table(collect(script.entries), ())
    assert (whole.reject_ratio, whole.rejects) == (D("0.3333"), {"MAX_VALUE": 1})
    assert whole.cancel_success == D("1.0000")
    assert (whole.unknown, whole.unknown_s) == (1, 12.0)


def test_the_busy_day_has_a_row_for_every_broker_and_symbol_with_markouts() -> None:
    rows = collect(busy_day(2).entries)
    groups = table(rows, ("broker", "symbol"))
    assert len(groups) == 9
    assert all(group.effective_spread_bps is not None for group in groups)
    assert len(worst(rows)) == 20
    assert worst(rows)[0].slippage_bps >= worst(rows)[-1].slippage_bps


def test_an_unknown_dimension_is_named() -> None:
    with pytest.raises(UnknownDimension, match="colour is none of broker, symbol"):
        table(CostRows(), ("colour",))


def test_csv_has_one_column_per_horizon_and_plain_digits() -> None:
    rows = collect(busy_day(1).entries)
    text = io.StringIO()
    write_csv(table(rows, ("broker", "day")), text)
    lines = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert {line["broker"] for line in lines} == {"alpaca-paper", "ib", "paper"}
    assert {"realised_bps_1s", "realised_bps_300s", "shortfall_bps", "currency"} <= lines[0].keys()
    fills = io.StringIO()
    write_csv(list(rows.fills.values()), fills)
    assert len(fills.getvalue().splitlines()) == len(rows.fills) + 1


def test_parquet_reads_back_or_says_what_is_missing(tmp_path: Path) -> None:
    rows = table(collect(busy_day(1).entries), ("broker",))
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(ParquetMissing, match="pip install pyarrow"):
            write_parquet(rows, tmp_path / "costs.parquet")
        return
    import pyarrow.parquet

    write_parquet(rows, tmp_path / "costs.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "costs.parquet").num_rows == len(rows)


class Balanced(HTMLParser):
    """Complains about tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    script = busy_day(1)
    script.quote("<b>", "99.98", "100.02")
    script.fill(script.working(symbol="<b>"), "100", "100.02")
    text = page(
        collect(script.entries), ("broker", "symbol"), title="Cost <today>", made=datetime(2026, 11, 23, tzinfo=UTC)
    )
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert {"svg", "rect", "polyline", "table"} <= parser.seen
    assert "<b>" not in text
    assert "Cost &lt;today&gt;" in text
    assert "http" not in text.replace("https", "http").split("</style>")[1]


def test_a_page_of_nothing_says_so() -> None:
    text = page(CostRows(), ("broker",), title="Nothing", made=datetime(2026, 11, 23, tzinfo=UTC))
    assert "Nothing was measured." in text
