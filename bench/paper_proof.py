"""The paper exchange against a tape: `python bench/paper_proof.py QUOTES.csv TRADES.csv [--out docs]`.

Plays a recording with orders of every kind, audits each fill, and writes `paper-proof.md` and `paper-proof.svg`.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median

from bridge.brokers.paper import AccountTerms, FillModel, Resting
from bridge.brokers.paper.records import Accepted, Filled
from bridge.brokers.paper.rehearsal import Rehearsal
from bridge.instruments import Instruments
from bridge.marketdata.replay import Recorded, merged
from bridge.orders.market import Aggressor, Quote, Trade
from bridge.orders.order import Order
from fixspec.enums import Side, TimeInForce

SECOND = 1_000_000_000
WIDTH, HEIGHT, MARGIN = 1000, 360, 50


@dataclass
class Rested:
    """A limit that waited: seconds from its arrival to its fill, to the first moment the tape could have given it
    anything, and to the moment the tape traded through it; None for never.
    """

    filled: float | None
    possible: float | None
    through: float | None


@dataclass
class Run:
    """One model's result."""

    name: str
    rehearsal: Rehearsal
    fills: list[Filled]
    rested: list[Rested]


def play(ticks: list[Recorded], model: FillModel, name: str) -> Run:
    """Market orders and limits at and around the touch, one every second, none cancelled."""
    random = Random(20240701)  # noqa: S311  a choice of orders, not a secret
    known = Instruments.starter(datetime.fromtimestamp(ticks[0].time_ns / SECOND, UTC).date())
    rehearsal = Rehearsal(
        instrument=known.get,
        begins=ticks[0].time_ns,
        account=AccountTerms(cash=Decimal(10) ** 9),
        model=model,
    )
    tick_size = known[ticks[0].tick.symbol].tick_size
    limits: list[tuple[Order, int]] = []
    due = ticks[0].time_ns
    for tick in ticks:
        rehearsal.tick(tick)
        quote = tick.tick
        if not isinstance(quote, Quote) or not quote.two_sided or tick.time_ns < due:
            continue
        due = tick.time_ns + SECOND
        side = random.choice((Side.BUY, Side.SELL))
        qty = Decimal(random.randint(1, 6))
        if random.random() < 0.25:
            rehearsal.submit(quote.symbol, side, qty)
            continue
        away = random.randint(0, 2) * tick_size
        price = quote.bid_px - away if side is Side.BUY else quote.ask_px + away
        order = rehearsal.submit(quote.symbol, side, qty, price=price, time_in_force=TimeInForce.GTC)
        limits.append((order, tick.time_ns))
    rehearsal.turn(ticks[-1].time_ns)
    fills = [record for record in rehearsal.records if isinstance(record, Filled)]
    return Run(name, rehearsal, fills, [rest(order, at, ticks, rehearsal) for order, at in limits])


def rest(order: Order, at: int, ticks: list[Recorded], rehearsal: Rehearsal) -> Rested:
    """When a limit was filled for the last time, and when the tape says it could and must have been."""
    number = next(r.no for r in rehearsal.records if isinstance(r, Accepted) and r.id == order.broker_client_id)
    done = [r.at for r in rehearsal.records if isinstance(r, Filled) and r.no == number]
    price, buy = order.price, order.side is Side.BUY
    possible = through = None
    for tick in ticks:
        if tick.time_ns <= at:
            continue
        hit, beyond = reached(tick.tick, price, buy=buy)
        if hit and possible is None:
            possible = tick.time_ns
        if beyond:
            through = tick.time_ns
            break
    first = min(done) if done else None
    return Rested(*(None if when is None else (when - at) / SECOND for when in (first, possible, through)))


def reached(tick: Quote | Trade, price: Decimal, *, buy: bool) -> tuple[bool, bool]:
    """Could a limit at `price` be executed by this, and must it have been?"""
    if isinstance(tick, Quote):
        other = tick.ask_px if buy else tick.bid_px
        crossed = other is not None and (other <= price if buy else other >= price)
        return crossed, crossed
    beyond = tick.price < price if buy else tick.price > price
    passive = tick.aggressor is not (Aggressor.BUY if buy else Aggressor.SELL)
    return beyond or (tick.price == price and passive), beyond


def report(runs: list[Run], ticks: list[Recorded], names: Iterable[str]) -> str:
    """The page."""
    trades = sum(isinstance(tick.tick, Trade) for tick in ticks)
    seconds = (ticks[-1].time_ns - ticks[0].time_ns) / SECOND
    lines = [
        "# Paper fills against the tape",
        "",
        f"`{ticks[0].tick.symbol}`, {len(ticks) - trades:,} quotes and {trades:,} trades in {seconds:.0f} seconds",
        f"({', '.join(f'`{name}`' for name in names)}), one order a second: a quarter at market,",
        "the rest limits at the touch and up to two ticks behind it. Made by `python bench/paper_proof.py`; the rules",
        "are in [paper.md](paper.md), the auditor that checks them shares no code with the matching.",
        "",
        "![Fills on the tape, and when resting limits were filled](paper-proof.svg)",
        "",
        "| model | fills | taken | made | fills the tape forbids | most of a displayed size used |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in runs:
        made = sum(fill.made for fill in run.fills)
        lines.append(
            f"| {run.name} | {len(run.fills)} | {len(run.fills) - made} | {made} |"
            f" {len(run.rehearsal.audit.violations)} | {run.rehearsal.audit.most_used:.0%} |"
        )
    lines += [
        "",
        "Limits that waited. *Possible*: the first trade at the price by the other side, or the other side's quote at",
        "it. *Through*: the first trade beyond the price, or the other side's quote at it: from then on a real order",
        "would have been reached for sure. *Wait* and *through* are medians; *then* is within a second.",
        "",
        "| model | limits | filled | before possible | before through | then | later | never | wait, s | through, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in runs:
        filled = [r for r in run.rested if r.filled is not None]
        early = sum(r.possible is None or r.filled < r.possible for r in filled)
        before = sum(r.through is None or r.filled < r.through for r in filled)
        same = sum(r.through is not None and 0 <= r.filled - r.through < 1 for r in filled)
        missed = sum(r.filled is None and r.through is not None for r in run.rested)
        waits = median(r.filled for r in filled)
        throughs = median(r.through for r in run.rested if r.through is not None)
        lines.append(
            f"| {run.name} | {len(run.rested)} | {len(filled)} | {early} | {before} | {same} |"
            f" {len(filled) - before - same} | {missed} | {waits:.1f} | {throughs:.1f} |"
        )
    lines += [
        "",
        "*Later* and *never* are limits that the market passed when others of ours, earlier or at better prices,",
        "had already used what it showed there.",
        "",
    ]
    return "\n".join(lines)


def plot(run: Run, ticks: list[Recorded]) -> str:
    """Bid and ask with the fills on them; and fill times of limits against the times the tape traded through."""
    quotes = [(tick.time_ns, tick.tick) for tick in ticks if isinstance(tick.tick, Quote) and tick.tick.two_sided]
    began, ended = ticks[0].time_ns, ticks[-1].time_ns
    low = float(min(quote.bid_px for _, quote in quotes)) - 0.25
    high = float(max(quote.ask_px for _, quote in quotes)) + 0.25

    def x(ns: int) -> float:
        return MARGIN + (ns - began) / (ended - began) * (WIDTH - 2 * MARGIN)

    def y(px: float) -> float:
        return HEIGHT - MARGIN - (px - low) / (high - low) * (HEIGHT - 2 * MARGIN)

    def steps(side: str) -> str:
        points, last = [], None
        for ns, quote in quotes:
            px = float(getattr(quote, side))
            if last is not None and px != last:
                points.append(f"{x(ns):.1f},{y(last):.1f}")
            if px != last:
                points.append(f"{x(ns):.1f},{y(px):.1f}")
            last = px
        points.append(f"{x(ended):.1f},{y(last):.1f}")
        return " ".join(points)

    side = {r.no: r.side for r in run.rehearsal.records if isinstance(r, Accepted)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT}">',
        "<style>text { font: 14px sans-serif }</style>",
        f'<rect width="{WIDTH}" height="{2 * HEIGHT}" fill="white"/>',
        f'<text x="{MARGIN}" y="24">Bid, ask, fills ({run.name}): ▲ bought, ▼ sold, full taken, hollow made</text>',
        f'<polyline points="{steps("ask_px")}" fill="none" stroke="#b0512d" stroke-width="1.5"/>',
        f'<polyline points="{steps("bid_px")}" fill="none" stroke="#2d6cb0" stroke-width="1.5"/>',
    ]
    for px in range(int(low) + 1, int(high) + 1):
        parts.append(f'<text x="6" y="{y(px) + 4:.1f}" fill="#555">{px}</text>')
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(px):.1f}" y2="{y(px):.1f}" stroke="#ddd"/>')
    for second in range(0, int((ended - began) / SECOND) + 1, 30):
        ns = began + second * SECOND
        parts.append(f'<text x="{x(ns):.1f}" y="{HEIGHT - 28}" fill="#555" text-anchor="middle">{second} s</text>')
    for fill in run.fills:
        bought = side[fill.no] is Side.BUY
        colour, up = ("#2d6cb0", 6) if bought else ("#b0512d", -6)
        cx, cy = x(fill.at), y(float(fill.px))
        shape = f"{cx:.1f},{cy - up:.1f} {cx - 5:.1f},{cy + up * 0.6:.1f} {cx + 5:.1f},{cy + up * 0.6:.1f}"
        inside = "white" if fill.made else colour
        parts.append(f'<polygon points="{shape}" fill="{inside}" stroke="{colour}"/>')
    both = [(r.through, r.filled) for r in run.rested if r.filled is not None and r.through is not None]
    longest = max((max(pair) for pair in both), default=1.0) * 1.05
    size = HEIGHT - 2 * MARGIN
    top = HEIGHT + MARGIN
    parts.append(
        f'<text x="{MARGIN}" y="{HEIGHT + 24}">Seconds until a limit was filled (up) and until it was traded through'
        " (right); below the line: filled before</text>"
    )
    parts.append(f'<rect x="{MARGIN}" y="{top}" width="{size * 2}" height="{size}" fill="none" stroke="#999"/>')
    parts.append(
        f'<line x1="{MARGIN}" y1="{top + size}" x2="{MARGIN + size * 2}" y2="{top}" stroke="#999"'
        ' stroke-dasharray="4 4"/>'
    )
    for through, filled in both:
        cx, cy = MARGIN + through / longest * size * 2, top + size - filled / longest * size
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="3.5" fill="#3a7d44" fill-opacity="0.6"/>')
    for second in range(0, int(longest) + 1, max(10, int(longest) // 8 // 10 * 10)):
        at = MARGIN + second / longest * size * 2
        parts.append(f'<text x="{at:.1f}" y="{top + size + 18}" fill="#555" text-anchor="middle">{second}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main() -> None:
    """Play, audit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    wanted = parser.parse_args()
    ticks = list(merged(wanted.files))
    runs = [
        play(ticks, FillModel(), "queue (default)"),
        play(ticks, FillModel(resting=Resting.TOUCH), "touch"),
        play(ticks, FillModel(resting=Resting.THROUGH), "through"),
    ]
    for run in runs:
        for violation in run.rehearsal.audit.violations:
            print(f"{run.name}: {violation}")
    (wanted.out / "paper-proof.md").write_text(report(runs, ticks, [file.name for file in wanted.files]))
    (wanted.out / "paper-proof.svg").write_text(plot(runs[0], ticks))
    print(report(runs, ticks, [file.name for file in wanted.files]))
    if any(run.rehearsal.audit.violations for run in runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
