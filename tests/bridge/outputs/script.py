"""A trading day written by hand: entries as the engine would journal them, for outputs that only read."""

import asyncio
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.costs import arrival, end_cost, fill_cost
from bridge.journal.file import FileJournal
from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    CancelRequested,
    Entry,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderReceived,
    OrderRejected,
    OrderRouted,
    Timing,
    event_account,
)
from bridge.orders.market import Quote
from bridge.orders.order import Order
from fixspec.enums import LastLiquidityInd, OrdRejReason, OrdType, Side

NINE = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
D = Decimal


def ns(time: datetime) -> int:
    return round(time.timestamp() * 1e6) * 1000


class Script:
    """Writes entries, folds them, and is a journal to read: both `Source` and `Head` of a tail.

    With `journal` the entries go there too and bear its numbers.
    """

    def __init__(self, *, start: datetime = NINE, live_clock: bool = False, journal: FileJournal | None = None) -> None:
        self._journal = journal
        self.entries: list[Entry] = []
        self.blotter = Blotter()
        self.released = 0
        self.hold = False
        self.quotes: dict[str, Quote] = {}
        self._time = start
        self._live = live_clock
        self._ids = count(1)

    # --- Source and Head ---------------------------------------------------------------------------------------------

    def read(self, after: int, upto: int) -> Iterator[Entry]:
        yield from self.entries[after:upto]

    def fold(self, upto: int) -> Blotter:
        return Blotter()

    @property
    def seq(self) -> int:
        return self.released

    def sleep(self, seen: int) -> bool:
        return self.released == seen

    def awake(self) -> None:
        return None

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) if self._live else self._time

    @property
    def next_seq(self) -> int:
        return self._journal.next_seq if self._journal is not None else len(self.entries) + 1

    def later(self, seconds: float) -> None:
        self._time += timedelta(seconds=seconds)

    def add(self, event: Event) -> Order | None:
        account = event_account(event)
        if account is None and isinstance(event, OrderEvent):
            known = self.blotter.order(event.order_id)
            account = known.account if known is not None else None
        prev = self.blotter.account_seq(account) if account is not None else 0
        entry = Entry(self.next_seq, self.now, event, prev)
        order = self.blotter.apply(entry)
        self.entries.append(entry)
        if self._journal is not None:
            self._journal.append([entry])
        if not self.hold:
            self.released = entry.seq
        return order

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        self.quotes[symbol] = Quote(symbol, D(bid), D(100), D(ask), D(100), self.now, ns(self.now))

    def order(
        self,
        symbol: str = "AAPL",
        qty: str = "100",
        side: Side = Side.BUY,
        *,
        account: str = "ACC1",
        broker: str = "paper",
        ord_type: OrdType = OrdType.LIMIT,
        price: str | None = "187.25",
        session_id: str = "ALPHA1",
        decision_px: str | None = None,
        **more: object,
    ) -> int:
        number = next(self._ids)
        order_id = self.next_seq
        self.add(
            OrderReceived(
                order_id=order_id,
                session_id=session_id,
                cl_ord_id=f"A-{number}",
                account=account,
                symbol=symbol,
                side=side,
                ord_type=ord_type,
                order_qty=D(qty),
                price=D(price) if price is not None and ord_type is not OrdType.MARKET else None,
                transact_time=self.now,
                msg_seq_num=number,
                broker=broker,
                currency="USD",
                decision_px=D(decision_px) if decision_px is not None else None,
                arrival=arrival(self.quotes.get(symbol), ns(self.now), 5_000_000_000),
                **more,
            )
        )
        return order_id

    def route(self, order_id: int, broker: str = "paper") -> None:
        self.add(OrderRouted(order_id=order_id, broker=broker, broker_client_id=f"f{order_id:019d}"))

    def accept(self, order_id: int) -> None:
        self.add(
            OrderAccepted(
                order_id=order_id,
                broker_order_id=f"B{order_id}",
                transact_time=self.now,
                timing=Timing(risk_us=40, recv_to_wire_us=200, wire_to_ack_us=800),
            )
        )

    def fill(self, order_id: int, qty: str, px: str, *, late: bool = False, commission: str | None = None) -> str:
        order = self.blotter.order(order_id)
        assert order is not None
        seq = self.next_seq
        fee = D(commission) if commission is not None else None
        self.add(
            OrderFilled(
                order_id=order_id,
                exec_id=f"E{seq}",
                broker_exec_id=f"X{seq}",
                last_qty=D(qty),
                last_px=D(px),
                transact_time=self.now,
                liquidity=LastLiquidityInd.REMOVED_LIQUIDITY,
                commission=fee,
                late=late,
                timing=Timing(exec_to_report_us=412),
                cost=fill_cost(
                    order, D(qty), D(px), self.quotes.get(order.symbol), ns(self.now), 5_000_000_000, commission=fee
                ),
            )
        )
        return f"E{seq}"

    def working(self, **terms: object) -> int:
        order_id = self.order(**terms)  # type: ignore[arg-type]
        order = self.blotter.order(order_id)
        assert order is not None
        self.route(order_id, order.broker)
        self.accept(order_id)
        return order_id

    def cancel(self, order_id: int) -> None:
        order = self.blotter.order(order_id)
        assert order is not None
        self.add(
            CancelRequested(
                order_id=order_id,
                session_id=order.session_id,
                cl_ord_id=f"C-{order_id}",
                orig_cl_ord_id=order.cl_ord_id,
                transact_time=self.now,
            )
        )
        self.later(0.02)
        self.add(
            OrderCanceled(
                order_id=order_id,
                cl_ord_id=f"C-{order_id}",
                orig_cl_ord_id=order.cl_ord_id,
                transact_time=self.now,
                cost=end_cost(order, self.quotes.get(order.symbol), ns(self.now), 5_000_000_000),
            )
        )

    def reject(self, order_id: int, code: str = "MAX_VALUE", source: str = "risk", rule: str | None = "R03") -> None:
        self.add(
            OrderRejected(
                order_id=order_id,
                code=code,
                ord_rej_reason=OrdRejReason.ORDER_EXCEEDS_LIMIT,
                text=f"{code}: too much",
                source=source,
                rule=rule,
                limit="25000",
                value="187250.00",
            )
        )


def free_port(span: int = 1) -> int:
    """A free TCP port on loopback, with `span - 1` free ones above it."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if port + span > 65_535:
                continue
            try:
                for above in range(1, span):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", port + above))
            except OSError:
                continue
        return port


async def until(condition, within: float = 10.0) -> None:  # type: ignore[no-untyped-def]
    """Wait for something another process does; AssertionError when it does not happen."""
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip, and say so, where a server is not installed; in CI its absence is a failure of the test itself."""
    missing = [name for name in programs if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None]
    return pytest.mark.skipif(
        bool(missing) and os.environ.get("CI") != "true", reason=f"not installed: {', '.join(missing)}"
    )


class Subscriber:
    """A foreign client: paho in a thread of its own, with what it heard in order."""

    def __init__(
        self,
        port: int,
        *topics: str,
        user: str | None = None,
        password: str | None = None,
        v5: bool = True,
        client_id: str = "",
        persistent: bool = False,
        tls: str | None = None,
    ) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.ready = threading.Event()
        self._topics = topics
        self._persistent = persistent
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
            clean_session=None if v5 else not persistent,
        )
        if user is not None:
            self.client.username_pw_set(user, password)
        if tls is not None:
            self.client.tls_set(tls)
        self.client.on_connect = self._connected
        self.client.on_message = self._message
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.reconnect_delay_set(0.05, 0.2)
        properties = None
        if v5 and persistent:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 3600
        start = {"clean_start": not persistent} if v5 else {}
        self.client.connect_async("127.0.0.1", port, 10, properties=properties, **start)
        self.client.loop_start()

    def _connected(self, client, userdata, flags, reason, properties) -> None:  # type: ignore[no-untyped-def]
        client.subscribe([(topic, 1) for topic in self._topics])

    def _message(self, client, userdata, message) -> None:  # type: ignore[no-untyped-def]
        self.heard.append((message.topic, message.payload, message.retain))

    def documents(self, part: str) -> list[dict]:  # type: ignore[type-arg]
        return [json.loads(payload) for topic, payload, _ in list(self.heard) if part in topic and payload]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
