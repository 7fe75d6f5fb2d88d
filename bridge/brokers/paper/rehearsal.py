"""A recording played through the paper exchange in event time, with nothing running: no loop, no clock, no daemon.

The recording's time is the only time, so the same recording, orders and seed give the same records on any machine. The
auditor sits beside it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bridge.brokers.paper.audit import Audit
from bridge.brokers.paper.exchange import Exchange
from bridge.brokers.paper.fees import Fees
from bridge.brokers.paper.latency import Latency
from bridge.brokers.paper.model import AccountTerms, FillModel, HouseRules, Taking
from bridge.brokers.paper.records import Record
from bridge.marketdata.hours import Hours
from bridge.marketdata.replay import Recorded
from bridge.orders.market import Instrument, Quote
from bridge.orders.order import Order
from fixspec.enums import OrdType, Side, TimeInForce

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rehearsal:
    """Feed it a recording tick by tick and give orders in between. `records` is everything that happened."""

    def __init__(
        self,
        *,
        instrument: Callable[[str], Instrument | None],
        begins: int,
        account: AccountTerms | None = None,
        model: FillModel | None = None,
        fees: Fees | None = None,
        latency: Latency | None = None,
        house: HouseRules | None = None,
        hours: Hours | None = None,
        untold: Decimal = Decimal(0),
    ) -> None:
        """`begins`: UTC ns of the start; `untold`: the size the model assumes where the recording tells none."""
        self.account = account or AccountTerms()
        model = model or FillModel()
        self.exchange = Exchange(
            instrument=instrument,
            accounts=(self.account,),
            model=model,
            fees=fees,
            latency=latency,
            house=house,
            hours=hours,
            keep_closed=1_000_000,
        )
        self.audit = Audit(participation=model.participation, untold=untold, walks=model.taking is Taking.WALK)
        self.records: list[Record] = []
        self.now = begins
        self._made = 0
        self.exchange.open("R", begins)
        self._drain()

    def play(self, recording: Iterable[Recorded]) -> None:
        """A whole recording without orders in between."""
        for recorded in recording:
            self.tick(recorded)

    def tick(self, recorded: Recorded) -> None:
        """The next tick, at its own time."""
        self.turn(recorded.time_ns)
        self.audit.tick(recorded.tick)
        if isinstance(recorded.tick, Quote):
            self.exchange.quote(recorded.tick, self.now)
        else:
            self.exchange.trade(recorded.tick, self.now)
        self._drain()

    def turn(self, now: int) -> None:
        """Time goes on: what has arrived is matched, what is due happens."""
        self.exchange.match(self.now)
        self.now = max(self.now, now)
        self.exchange.advance(self.now)
        self.exchange.match(self.now)
        self._drain()

    def submit(
        self,
        symbol: str,
        side: Side,
        qty: Decimal,
        *,
        price: Decimal | None = None,
        stop_px: Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
    ) -> Order:
        """A new order now; its type follows from the prices given."""
        self._made += 1
        kinds = {
            (False, False): OrdType.MARKET,
            (True, False): OrdType.LIMIT,
            (False, True): OrdType.STOP,
            (True, True): OrdType.STOP_LIMIT,
        }
        at = EPOCH + timedelta(microseconds=self.now // 1000)
        order = Order(
            order_id=self._made,
            session_id="REHEARSAL",
            cl_ord_id=f"R{self._made}",
            account=self.account.name,
            symbol=symbol,
            side=side,
            ord_type=kinds[price is not None, stop_px is not None],
            time_in_force=time_in_force,
            order_qty=qty,
            price=price,
            stop_px=stop_px,
            broker_client_id=f"R{self._made}",
            transact_time=at,
            received=at,
        )
        self.exchange.submit(order, self.now)
        self._drain()
        return order

    def cancel(self, order: Order) -> None:
        """Cancel the remainder."""
        self.exchange.cancel(order, self.now)
        self._drain()

    def _drain(self) -> None:
        out, self.exchange.out = self.exchange.out, []
        self.audit.records(out)
        self.records.extend(happened for happened in out if isinstance(happened, Record))
