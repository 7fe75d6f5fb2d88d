"""The usual order, judged in one pass.

Most orders are plain ones, nowhere near any limit. For those it is dearer to ask twenty-eight rules than to know their
answer, so this compares all the numbers in one function and gives up on anything unusual: an order that is not plain, a
datum that is missing or old, a value above the mark at which a rule would refuse or only warn. What it gives up on is
judged by the rules themselves (`bridge.risk.chain`), which alone refuse, warn and explain; a pass here is never more
than what they would let pass without a word. `tests/bridge/risk/test_usual.py` holds the two together, and the chain
asks its rules about one order in `AUDIT` all the same.

Numbers and sources are those of the rules; each line names the rule it stands for.
"""

from datetime import date
from decimal import Decimal

from bridge.interfaces import View
from bridge.orders.events import Reservation, Scope
from bridge.orders.market import Instrument
from bridge.orders.order import ZERO, Order
from bridge.risk.limits import INFINITY, Limits, Table
from bridge.risk.marks import UNCLASSIFIED, Marks, margin_rate
from bridge.risk.members import BUY, FUTURE, LIMIT, MARKET, OPENING, SELL
from bridge.risk.portfolio import Portfolio, terms
from bridge.risk.position import MARKED, SHARES
from bridge.risk.pricing import collar
from bridge.risk.times import EPOCH, MICROSECOND, SECOND

AUDIT = 256
"""One order in so many is judged by the rules as well."""
DAY_NS = 86_400 * SECOND
UNIX_DAY = date(1970, 1, 1).toordinal()
NEVER = 1 << 63
TWENTY_FIVE, ONE = Decimal(25), Decimal(1)


class Unfit(Exception):
    """These limits are too unusual for one pass: a parameter has neither a number nor been switched off."""


class Usual:
    """What the pass needs to know of one `Table` and instrument: numbers up to which every rule is silent."""

    __slots__ = (
        "after", "amount", "asset_class", "balance", "cash_gross", "collars", "concentration", "cross", "currency",
        "day_trades", "drawdown", "expires", "exposure", "fat_finger", "fee", "gross", "long", "lookalike_ns", "loss",
        "lot", "marked", "max_qty", "min_qty", "most", "net", "orders", "passive", "position", "product",
        "rated_account", "rated_session", "rated_symbol", "sector", "sector_name", "self_match", "short", "table",
        "tick", "turnover",
        "unit", "value", "volume", "watched", "working", "working_symbol",
    )  # fmt: skip

    def __init__(self, table: Table, product: Instrument, limits: Limits, order: Order, now: int) -> None:
        """Raises Unfit."""
        bounds, off = table.bounds, table.off

        def upto(name: str, switch: str = "") -> Decimal:
            """The rule says nothing up to here; without a number it must be off by `switch`."""
            bound = bounds.get(name)
            if bound is None and (switch or name) not in off:
                raise Unfit(name)
            return INFINITY if bound is None else bound.warn

        def if_any(name: str) -> Decimal:
            """A second number of a rule, which need not be there."""
            bound = bounds.get(name)
            return INFINITY if bound is None else bound.warn

        self.table = table
        self.product = product
        self.asset_class = product.asset_class
        self.currency = product.currency
        self.unit = product.multiplier
        self.tick, self.lot = product.tick_size, product.lot_size
        self.min_qty = product.min_qty if product.min_qty is not None else ZERO
        self.most = product.max_qty if product.max_qty is not None else INFINITY
        maturity = product.maturity
        self.expires = NEVER if maturity is None else (maturity.toordinal() - UNIX_DAY + 1) * DAY_NS
        self.sector_name = product.sector or UNCLASSIFIED
        if not product.active or table.names:
            raise Unfit("R01, R23")

        self.rated_session = limits.rate(Scope.SESSION, order.session_id, now) is not None
        self.rated_account = limits.rate(Scope.ACCOUNT, order.account, now) is not None
        self.rated_symbol = limits.rate(Scope.SYMBOL, order.symbol, now) is not None
        if order.broker in limits.rated_brokers or ("R26" not in bounds and "R26" not in off):
            raise Unfit("R18, R26")
        self.lookalike_ns = _lookalike_ns(table)
        self.max_qty = upto("R02")
        self.volume = if_any("R02.adv") if "R02.adv" in bounds else None
        self.collars = (upto("R04"), upto("R04.below_25", "R04"), upto("R04.below_1", "R04"))
        self.passive = upto("R05")
        self.marked = product.asset_class in MARKED and upto("R24") is not INFINITY
        self.self_match = upto("R25") is not INFINITY
        self.day_trades = product.asset_class in SHARES and upto("R28") is not INFINITY
        self.value = upto("R03")
        self.fat_finger = upto("R30")
        self.working, self.working_symbol = upto("R17"), if_any("R17.symbol")
        self.balance = upto("R21")
        after = bounds.get("R21.after")
        self.after = after.block if after is not None else ZERO
        self.turnover, self.orders = upto("R22"), if_any("R22.orders")
        self.cross = "R09.cross" in bounds
        self.long, self.short = if_any("R09.long"), if_any("R09.short")
        self.position = upto("R09")
        self.fee = upto("R10") is not INFINITY
        self.loss, self.amount = if_any("R11") if "R11" in bounds else None, if_any("R11.amount")
        if self.loss is None and "R11.amount" not in bounds and "R11" not in off:
            raise Unfit("R11")
        self.drawdown = upto("R12")
        self.watched = "R11" in bounds or "R11.amount" in bounds or "R12" in bounds
        self.concentration = upto("R13")
        self.sector = upto("R14.unclassified" if self.sector_name == UNCLASSIFIED else "R14")
        self.net = upto("R15")
        self.gross, self.cash_gross = upto("R16"), upto("R16.cash")
        # the gross sum is the largest of the four: below the least of their limits none of them speaks
        self.exposure = min(self.concentration, self.sector, self.net, self.gross, self.cash_gross)

    def passes(self, order: Order, view: View, portfolio: Portfolio, marks: Marks) -> Reservation | None:
        """What to set aside for an order that every rule lets pass without a word; None when they must be asked.

        Raises ArithmeticError for a number that is none.
        """
        now, table, limits = view.now_ns, self.table, portfolio.limits
        qty, price, side, kind = order.order_qty, order.price, order.side, order.ord_type
        account, symbol, session_id = order.account, order.symbol, order.session_id
        buy = side is BUY
        if (
            qty is None
            or not (buy or side is SELL)
            or not ((kind is LIMIT and price is not None) or (kind is MARKET and price is None))
            or order.stop_px is not None
            or order.cum_qty
            or order.routed
            or order.exec_inst
            or order.cl_ord_link_id is not None
            or order.poss_resend
            or order.time_in_force is OPENING
            or order.order_id in portfolio.lines
            or portfolio.states.halts  # R27
            or now >= self.expires  # R01
        ):
            return None

        # R18: a token in each bucket
        version = limits.version
        if self.rated_session:
            bucket = portfolio.sessions.get(session_id)
            if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
                return None
        if self.rated_account:
            bucket = portfolio.account_buckets.get(account)
            if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
                return None
        if self.rated_symbol:
            bucket = portfolio.symbols.get(symbol)
            if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
                return None

        # R26, R07, R08
        if not 0 <= now - (order.transact_time - EPOCH) // MICROSECOND * 1000 <= table.stale_warn:
            return None
        if view.knows(session_id, order.cl_ord_id):
            return None
        if not order.allow_duplicate:
            last = portfolio.lookalikes.seen.get(terms(order))
            if last is not None and now - last < self.lookalike_ns:
                return None

        # R01, R29
        broker = view.adapter(order.broker)
        if broker is None or broker.unready is not None or not view.market_open(symbol):
            return None
        can = broker.capabilities
        if kind not in can.ord_types or order.time_in_force not in can.times_in_force:
            return None
        if not self.min_qty <= qty <= self.most or qty <= ZERO or qty % self.lot:
            return None

        # the reference price, of a fresh two-sided quote of sensible width only
        quote = view.quote(symbol)
        if quote is None or now > quote.received_ns + table.quote_age:
            return None
        bid, ask = quote.bid_px, quote.ask_px
        if bid is None or ask is None or not ZERO < bid <= ask:
            return None
        ref = (bid + ask) / 2
        if ask - bid > table.spread * ref:
            return None

        # R02, R04, R05
        if qty > self.max_qty:
            return None
        if self.volume is not None:
            volume = view.average_volume(symbol)
            if volume and qty / volume > self.volume:
                return None
        if price is None:
            worth = (ask if buy else bid) * table.buffer_up
        else:
            if price <= ZERO or price % self.tick:
                return None
            gap = price - ref if buy else ref - price
            if gap > ZERO:
                if table.collar_ticks:
                    bound = collar(ref, self.tick, table)
                    reach = INFINITY if bound is None else bound.warn
                else:
                    reach = self.collars[0 if ref >= TWENTY_FIVE else 1 if ref >= ONE else 2]
                if gap > reach * ref:
                    return None
            elif -gap / ref > self.passive:
                return None
            worth = price if buy or price >= bid else bid

        # R24, R25, R28, and whether it opens anything
        holding = portfolio.holdings.get((account, symbol))
        if holding is None:
            pos = bought = sold = ZERO
            resting = 0
        else:
            pos, bought, sold = holding.pos, holding.buy, holding.sell
            resting = holding.buys + holding.sells
            if self.self_match:
                against = holding.offers if buy else holding.bids
                if against and (price is None or (price >= against[0] if buy else price <= against[-1])):
                    return None
            if self.day_trades and (
                (holding.sells if buy else holding.buys) or (holding.opened_today and pos and (pos > ZERO) is not buy)
            ):
                return None
        if buy:
            reducing = pos < ZERO and qty <= -pos - bought
            long, short = pos + bought + qty, sold - pos
        else:
            if self.marked and qty > pos - sold:
                return None
            reducing = pos > ZERO and qty <= pos - sold
            long, short = pos + bought, sold + qty - pos
        statement = view.account(account)
        if statement is None:
            return None
        if statement.currency == self.currency:
            unit = self.unit
        else:
            fx = view.fx_rate(self.currency, account)
            if fx is None:
                return None
            unit = self.unit * fx
        value = qty * worth * unit
        if reducing:
            return Reservation(price=worth, value=value, margin=ZERO, funds=ZERO)

        # R30, R17, R21, R03, R22
        book = portfolio.accounts.get(account)
        if book is None or now > statement.taken_ns + table.equity_age:
            return None
        sizes = portfolio.sizes.get(order.strategy or session_id)
        median = sizes.median if sizes is not None else None
        if median is not None and qty > self.fat_finger * median:
            return None
        day = book.day
        if (
            book.working + 1 > self.working
            or resting + 1 > self.working_symbol
            or (day.messages >= self.after and day.messages > self.balance * max(day.fills, 1))
            or value > self.value
            or day.orders >= self.orders
            or day.turnover + value > self.turnover
        ):
            return None

        # R09
        if self.cross and pos and (pos > ZERO) is not buy:
            return None
        worst = long if buy else short
        if worst > ZERO:
            if worst > (self.long if buy else self.short):
                return None
            highest = ref
            if pos:
                mark = view.mark(account, symbol)
                if mark is not None and mark.price > ref and now <= mark.taken_ns + table.mark_age:
                    highest = mark.price
            if worst * highest * unit > self.position:
                return None

        # the account at market
        totals = marks.totals(account, view)
        if totals.unpriced or (totals.currencies and marks.fresh_rates(totals, account, view) is not None):
            return None
        equity = statement.equity

        # R10
        cash = not statement.margin_account
        if self.asset_class is FUTURE:
            contract = table.bounds.get("R10.margin")
            margin = funds = value if contract is None else contract.block * qty
        elif cash:
            margin = funds = value * table.fees_up
        else:
            margin, funds = value * margin_rate(self.asset_class, not buy, cash, table), value
        if self.fee:
            if book.unvalued:
                return None
            theirs = statement.buying_power - book.unshown(statement.taken_ns)
            ours = (statement.cash if cash else equity - totals.margin) - book.margin
            if funds > ZERO and (theirs <= ZERO or funds > theirs * table.free_part):
                return None
            if margin > ZERO and (ours <= ZERO or margin > ours * table.free_part):
                return None

        # R11, R12
        if self.watched:
            opening, high = book.opening_equity, book.day_high
            if opening is None or high is None or now >= book.day_end_ns:
                return None
            moved = marks.moved_on(statement, book, totals)
            loss = opening + statement.net_transfers - moved
            if (self.loss is not None and loss > self.loss * opening) or loss >= self.amount:
                return None
            if high - moved >= self.drawdown:
                return None

        # R13 to R16: the order's own symbol is exchanged for what it would be
        base = equity if equity > table.equity_floor else table.equity_floor
        price_unit = ref * unit
        stake = (long if long >= short else short) * price_unit
        own = totals.marked.get(symbol)
        more = stake if own is None else stake - own.gross
        gross = totals.gross + more
        if gross <= self.exposure * base:
            return Reservation(price=worth, value=value, margin=margin, funds=funds)
        net = totals.long + long * price_unit if buy else totals.short - short * price_unit
        if own is not None:
            net -= own.long if buy else own.short
        if (
            stake > self.concentration * base
            or totals.sectors.get(self.sector_name, ZERO) + more > self.sector * base
            or abs(net) > self.net * base
            or gross > (self.cash_gross if cash else self.gross) * base
        ):
            return None
        return Reservation(price=worth, value=value, margin=margin, funds=funds)


def _lookalike_ns(table: Table) -> int:
    """R08: how long ago the same order must have come for the rule to say nothing."""
    bound = table.bounds.get("R08")
    if bound is None:
        if "R08" not in table.off:
            raise Unfit("R08")
        return 0
    seconds = bound.block if bound.block.is_finite() else bound.warn
    return int(seconds * SECOND) + 1
