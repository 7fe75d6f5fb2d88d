"""The cost table as CSV, Parquet, and a page with plots that needs nothing from elsewhere."""

import csv
import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import msgspec

from bridge.cost_rows import CostRows, FillRow
from bridge.cost_table import CostGroup, table, worst
from bridge.costs import HORIZONS

NESTED: Mapping[str, Sequence[Any]] = dict.fromkeys(("realised_bps", "impact_bps", "reversion_bps"), HORIZONS)
BARS = 24  # groups in a plot
EDGES = (-50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50)  # basis points of the distribution


class ParquetMissing(RuntimeError):
    """pyarrow is not installed."""


def flat(row: Any) -> dict[str, Any]:
    """A row as one level of columns: horizons become `realised_bps_60s`, counts `MAX_VALUE:3 …`, the key its parts."""
    out: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if name == "key":
            out.update(value)
        elif name in NESTED:
            out.update({f"{name}_{horizon}s": value.get(horizon) for horizon in NESTED[name]})
        elif isinstance(value, dict):
            out[name] = " ".join(f"{key}:{count}" for key, count in value.items()) or None
        else:
            out[name] = value
    return out


def write_csv(rows: Sequence[Any], file: TextIO) -> None:
    """Groups, fills or orders as CSV with a header; Decimals as digits, times in ISO 8601, missing values empty."""
    if not rows:
        return
    writer = csv.DictWriter(file, list(flat(rows[0])), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in flat(row).items()})


def write_parquet(rows: Sequence[Any], path: Path) -> None:
    """Groups, fills or orders as Parquet, Decimals as float64. Raises ParquetMissing without pyarrow, OSError."""
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ParquetMissing("Parquet needs pyarrow: pip install pyarrow") from error
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in flat(row).items():
            columns.setdefault(name, []).append(float(value) if isinstance(value, Decimal) else value)
    parquet.write_table(arrow.table(columns), path)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


# --- the page --------------------------------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #ccc; --soft: #666;
  --cost: #b35806; --gain: #35978f }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181c; --line: #3a3d44; --soft: #999 } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 75rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem } p { color: var(--soft) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th { font-weight: 600 } td.word, th.word { text-align: left }
svg text { fill: var(--ink); font-size: 11px } .cost { fill: var(--cost) } .gain { fill: var(--gain) }
.axis { stroke: var(--line) } .curve { fill: none; stroke: var(--cost); stroke-width: 2 }
"""

COLUMNS: tuple[tuple[str, str], ...] = (
    ("orders", "orders"), ("fills", "fills"), ("value", "value"), ("currency", ""), ("slippage_bps", "arrival bp"),
    ("cost", "cost"), ("effective_spread_bps", "eff. spread bp"), ("effective_over_quoted", "E/Q"),
    ("improvement_bps", "improved bp"), ("shortfall_bps", "shortfall bp"), ("delay_bps", "delay"),
    ("trading_bps", "trading"), ("opportunity_bps", "opportunity"), ("fees_bps", "fees"), ("fill_ratio", "filled"),
    ("reject_ratio", "refused"), ("to_first_fill_s", "first fill s"),
)  # fmt: skip


def page(rows: CostRows, by: Sequence[str], *, title: str, made: datetime) -> str:
    """The report as one HTML page: what it cost, by whom, how it is spread, what the market did afterwards.

    Raises UnknownDimension.
    """
    groups = table(rows, by)
    fills = list(rows.fills.values())
    measured = sum(fill.slippage_bps is not None for fill in fills)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        (
            f"<p>Made {made:%Y-%m-%d %H:%M} UTC from {len(rows.orders):,} orders and {len(fills):,} fills, "
            f"{measured:,} of them with a fresh quote at arrival. Basis points of the benchmark, a cost is positive; "
            "means are weighted by value. Definitions: docs/execution-cost.md.</p>"
        ),
        f"<h2>By {html.escape(', '.join(by) or 'everything')}</h2>",
        _table(groups, by),
        "<h2>Cost against arrival</h2>",
        _bars([(" ".join(group.key.values()) or "all", group.slippage_bps) for group in groups][:BARS]),
        "<h2>How the cost of fills is spread</h2>",
        _distribution(fills),
        "<h2>What the market did afterwards</h2>",
        "<p>Realised spread after the fill: what is still a cost once the market has moved.</p>",
        _markouts(groups),
        "<h2>The fills that cost most</h2>",
        _worst(worst(rows)),
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style>\n<body>\n{body}\n</body></html>\n"
    )


def _table(groups: Sequence[CostGroup], by: Sequence[str]) -> str:
    shown = [column for column in COLUMNS if any(getattr(group, column[0]) not in (None, {}) for group in groups)]
    head = "".join(f'<th class="word">{html.escape(name)}</th>' for name in by)
    head += "".join(f"<th>{html.escape(title)}</th>" for _, title in shown)
    lines = []
    for group in groups:
        cells = "".join(f'<td class="word">{html.escape(group.key[name]) or "–"}</td>' for name in by)
        cells += "".join(f"<td>{_shown(getattr(group, name))}</td>" for name, _ in shown)
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (int, Decimal)):
        return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return html.escape(f"{value:.3f}" if isinstance(value, float) else str(value))


def _bars(bars: Sequence[tuple[str, Decimal | None]]) -> str:
    """Horizontal bars around zero; cost to the right, gain to the left, and the figure beside each."""
    known = [(name, float(value)) for name, value in bars if value is not None]
    if not known:
        return "<p>Nothing was measured.</p>"
    reach = max(abs(value) for _, value in known) or 1.0
    lines = [f'<line class="axis" x1="450" x2="450" y1="0" y2="{len(known) * 22}"/>']
    for index, (name, value) in enumerate(known):
        y, width = index * 22, abs(value) / reach * 220
        x = 450 if value >= 0 else 450 - width
        lines.append(f'<text x="190" y="{y + 15}" text-anchor="end">{html.escape(name)}</text>')
        kind, anchor = ("cost", "start") if value >= 0 else ("gain", "end")
        lines.append(f'<rect class="{kind}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="14"/>')
        beside = 455 + width if value >= 0 else 445 - width
        lines.append(f'<text x="{beside:.1f}" y="{y + 15}" text-anchor="{anchor}">{value:+.2f} bp</text>')
    return f'<svg role="img" viewBox="0 0 760 {len(known) * 22}" width="100%">{"".join(lines)}</svg>'


def _distribution(fills: Iterable[FillRow]) -> str:
    """How many fills fall into each range of basis points."""
    counts = [0] * (len(EDGES) + 1)
    for fill in fills:
        if fill.slippage_bps is not None:
            counts[sum(fill.slippage_bps > edge for edge in EDGES)] += 1
    most = max(counts)
    if not most:
        return "<p>Nothing was measured.</p>"
    lines = []
    for index, count in enumerate(counts):
        x, height = 20 + index * 50, count / most * 150
        name = f"≤ {EDGES[index]}" if index < len(EDGES) else f"> {EDGES[-1]}"
        kind = "gain" if index <= EDGES.index(0) else "cost"
        lines.append(f'<rect class="{kind}" x="{x}" y="{165 - height:.1f}" width="44" height="{height:.1f}"/>')
        lines.append(f'<text x="{x + 22}" y="180" text-anchor="middle">{name}</text>')
        lines.append(f'<text x="{x + 22}" y="{160 - height:.1f}" text-anchor="middle">{count or ""}</text>')
    return f'<svg role="img" viewBox="0 0 730 190" width="100%">{"".join(lines)}</svg>'


def _markouts(groups: Sequence[CostGroup]) -> str:
    """Realised spread by horizon, one curve a group."""
    curves = [(" ".join(group.key.values()) or "all", group.realised_bps) for group in groups if group.realised_bps][
        :BARS
    ]
    if not curves:
        return "<p>No mids were taken after these fills.</p>"
    values = [float(value) for _, curve in curves for value in curve.values()]
    low, high = min(*values, 0.0), max(*values, 0.0)
    span = (high - low) or 1.0

    def y(value: float) -> float:
        return 20 + (high - value) / span * 150

    places = {horizon: 60 + index * 150 for index, horizon in enumerate(HORIZONS)}
    lines = [f'<line class="axis" x1="60" x2="510" y1="{y(0):.1f}" y2="{y(0):.1f}"/>']
    lines += [f'<text x="{x}" y="195" text-anchor="middle">{horizon} s</text>' for horizon, x in places.items()]
    for name, curve in curves:
        points = [(places[horizon], y(float(value))) for horizon, value in curve.items()]
        lines.append(f'<polyline class="curve" points="{" ".join(f"{x},{at:.1f}" for x, at in points)}"/>')
        last = list(curve.values())[-1]
        lines.append(
            f'<text x="{points[-1][0] + 8}" y="{points[-1][1] + 4:.1f}">{html.escape(name)} {last:+.2f} bp</text>'
        )
    return f'<svg role="img" viewBox="0 0 760 205" width="100%">{"".join(lines)}</svg>'


def _worst(fills: Sequence[FillRow]) -> str:
    if not fills:
        return "<p>Nothing was measured.</p>"
    names = ("time", "broker", "symbol", "side", "ord_type", "qty", "px", "arrival_mid", "slippage_bps", "seq")
    head = "".join(f"<th>{name}</th>" for name in names)
    lines = [
        "<tr>" + "".join(f"<td>{html.escape(_cell(getattr(fill, name)))}</td>" for name in names) + "</tr>"
        for fill in fills
    ]
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def to_json(rows: Iterable[Any]) -> Iterable[bytes]:
    """One object a line."""
    for row in rows:
        yield msgspec.json.encode(row)
