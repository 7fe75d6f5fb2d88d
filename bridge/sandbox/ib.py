"""TWS or IB Gateway on this machine, without an account: the socket protocol, a market that is set, and its failures.

    sandbox = TwsSandbox()
    await sandbox.start()
    sandbox.quote("AAPL", "229.75", "229.85")

Order and account state outlives connections, as it does at IB; client ids own their orders, as they do at IB.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import structlog

from bridge.instruments import Instruments
from bridge.interfaces import Clock
from bridge.sandbox import ib_wire as wire
from bridge.sandbox.ib_book import COMMISSION, RULES, Done, Market, Working
from bridge.sandbox.ib_faults import Fault, Faults, How, On
from bridge.sandbox.ib_wire import Field, Frames, Listed, Placed
from sessions.clock import SystemClock

log = structlog.get_logger("bridge.sandbox.ib")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PER_SECOND = 50
FARMS = ((2104, "Market data farm connection is OK:usfarm"), (2106, "HMDS data farm connection is OK:ushmds"))
BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE = 0, 1, 2, 3, 4, 5


class Peer(asyncio.Protocol):
    """One API connection."""

    def __init__(self, server: "TwsSandbox") -> None:
        self._server = server
        self._frames = Frames()
        self.version = 0
        self.client_id: int | None = None
        self.watched: dict[int, Listed] = {}  # request → contract of market data
        self.auto_bind = False
        self.times: deque[float] = deque()
        self.most_in_a_second = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._server.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.Protocol."""
        self.transport = None
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol."""
        try:
            for message in self._frames.feed(data):
                self._server.heard(self, message)
        except (ValueError, IndexError, ArithmeticError) as error:
            log.warning("sandbox: not understood", error=str(error))
            self.drop()

    def send(self, *fields: Field) -> None:
        """One message, unless this connection is gone or everything is silent."""
        if self.transport is not None and not self._server.faults.silent:
            self.transport.write(wire.frame(fields))

    def error(self, request: int, code: int, text: str) -> None:
        """errMsg(4)."""
        advanced = [""] if self.version >= 166 else []
        self.send(4, 2, request, code, text, *advanced)

    def drop(self) -> None:
        """Break the connection."""
        if self.transport is not None:
            self.transport.abort()


class TwsSandbox:
    """The server. Everything happens on the loop it was started on."""

    def __init__(
        self,
        *,
        accounts: Sequence[str] = ("DU1000001",),
        clock: Clock | None = None,
        version: int = wire.HIGHEST,
        next_valid_id: int = 1,
        zone: str = "America/New_York",
        today: date | None = None,
    ) -> None:
        """`version` is the server version that is spoken at most; `zone` that of execution times."""
        self.accounts = tuple(accounts)
        self._clock = clock or SystemClock()
        self._version = version
        self._zone = zone
        self.next_valid_id = next_valid_id
        self.faults = Faults()
        known = Instruments.starter(today or self._now().date())
        self.market = Market.starter(known, self._now, self._stamp, self._happened)
        self.peers: dict[int, Peer] = {}
        self._all: set[Peer] = set()
        self.placed: list[Placed] = []  # every placeOrder that arrived, replaces included
        self.placed_by: list[int] = []
        self.canceled: list[int] = []  # every cancelOrder that arrived
        self.servers_lost = False
        self.hours = ""  # tradingHours of every contract, in New York; empty: always open
        self.highest: dict[int, int] = {}  # client → highest order id seen
        self._server: asyncio.Server | None = None
        self._mode: Fault | None = None  # the fault that shapes how the request under way is told
        self.host, self.port = "127.0.0.1", 0
        self._requests: dict[int, Callable[[Peer, list[str]], None]] = {
            1: self._market_data,
            2: self._no_market_data,
            3: self._place,
            4: self._cancel,
            5: self._open_orders,
            6: self._account_updates,
            7: self._executions,
            8: lambda peer, fields: peer.send(9, 1, self.next_valid_id),
            9: self._contract_details,
            15: self._auto_open,
            16: self._all_open_orders,
            49: lambda peer, fields: peer.send(49, 1, self._clock.utc_ns() // 1_000_000_000),
            58: self._global_cancel,
            59: lambda peer, fields: None,
            61: self._positions,
            62: self._account_summary,
            63: lambda peer, fields: None,
            64: lambda peer, fields: None,
            71: self._start_api,
            76: self._account_multi,
            91: self._market_rule,
            99: self._completed,
        }

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `port` says where."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Peer(self), host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
            self._server = None

    # --- what a rehearsal does to it ---------------------------------------------------------------------------------

    def quote(self, symbol: str, bid: str, ask: str, size: int | str = 1000) -> None:
        """Set the market of a symbol, in the symbol master's name. KeyError."""
        found = self.market.called(symbol)
        self.market.quote(found, Decimal(bid), Decimal(ask), Decimal(size), Decimal(size))

    def drop(self) -> None:
        """Break every connection."""
        for peer in list(self._all):
            peer.drop()

    def lose_servers(self, times: int = 1) -> None:
        """1100: TWS has lost IB's servers; orders that are sent now wait."""
        self.servers_lost = True
        for _ in range(times):
            self._notice(1100, "Connectivity between IB and Trader Workstation has been lost.")

    def find_servers(self, *, data_lost: bool = False) -> None:
        """1102, or 1101 when market data has to be asked for again."""
        self.servers_lost = False
        if data_lost:
            for peer in self._all:
                peer.watched.clear()
            text = "Connectivity between IB and Trader Workstation has been restored- data lost."
            self._notice(1101, text)
        else:
            text = "Connectivity between IB and Trader Workstation has been restored- data maintained."
            self._notice(1102, text)

    def restart(self, next_valid_id: int | None = None) -> None:
        """The nightly restart: everybody is out, and ids may fall back."""
        if next_valid_id is not None:
            self.next_valid_id = next_valid_id
            self.highest.clear()
        self.drop()

    def by_ref(self, ref: str) -> Working:
        """The newest order of a reference. KeyError."""
        for order in reversed(self.market.orders):
            if order.ref == ref:
                return order
        raise KeyError(ref)

    def fill(self, ref: str, qty: int | str, px: str) -> Done:
        """An execution out of the blue, of an order that has ended as well."""
        return self.market.fill(self.by_ref(ref), Decimal(qty), Decimal(px))

    def by_hand(
        self, symbol: str, action: str, qty: int | str, price: str, client_id: int = 0, like: Working | None = None
    ) -> Working:
        """An order that somebody types into TWS, or that another client sends; `like`: with the names of another one,
        as IB has made them when a change met an outage.
        """
        found = self.market.called(symbol)
        asked = Placed(
            order_id=like.order_id if like is not None else 0 if client_id == 0 else self.next_valid_id,
            con_id=found.con_id,
            symbol=found.symbol,
            sec_type=found.sec_type,
            currency=found.currency,
            action=action,
            qty=Decimal(qty),
            kind="LMT",
            price=Decimal(price),
            stop=Decimal(0),
            tif="DAY",
            account=self.accounts[0],
            ref=like.ref if like is not None else "",
            outside_rth=False,
        )
        order = self.market.add(asked, client_id, found)
        self._state(order)
        self.market.match(order)
        return order

    def forget_day(self) -> None:
        """Midnight: what ended is not told any more."""
        self.market.done.clear()
        self.market.orders = [order for order in self.market.orders if order.working]

    # --- connections -------------------------------------------------------------------------------------------------

    def arrived(self, peer: Peer) -> None:
        """A connection came."""
        self._all.add(peer)
        if self.faults.down:
            peer.drop()

    def left(self, peer: Peer) -> None:
        """A connection ended."""
        self._all.discard(peer)
        if peer.client_id is not None and self.peers.get(peer.client_id) is peer:
            del self.peers[peer.client_id]

    def heard(self, peer: Peer, message: str | list[str]) -> None:
        """One message of a client."""
        if isinstance(message, str):
            low, _, high = message.split(" ")[0].removeprefix("v").partition("..")
            peer.version = min(int(high or low), self._version)
            if not self.faults.silent and peer.transport is not None:
                stamp = f"{self._now():%Y%m%d %H:%M:%S} UTC"
                peer.transport.write(wire.frame([peer.version, stamp]))
            return
        if not self._in_pace(peer) or self.faults.silent:
            return
        request = self._requests.get(int(message[0]))
        if request is None:
            log.warning("sandbox: request is not served", message=message[:4])
            return
        request(peer, message)

    def _in_pace(self, peer: Peer) -> bool:
        """More than 50 messages in a second: error 100 and the end."""
        now = asyncio.get_running_loop().time()
        peer.times.append(now)
        while now - peer.times[0] > 1:
            peer.times.popleft()
        peer.most_in_a_second = max(peer.most_in_a_second, len(peer.times))
        if len(peer.times) > PER_SECOND:
            peer.error(-1, 100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)")
            peer.drop()
            return False
        return True

    def _start_api(self, peer: Peer, fields: list[str]) -> None:
        client_id = int(fields[2])
        if client_id in self.peers:
            text = "Unable to connect as the client id is already in use. Retry with a unique client id."
            peer.error(-1, 326, text)
            if peer.transport is not None:
                peer.transport.close()
            return
        peer.client_id = client_id
        self.peers[client_id] = peer
        peer.send(15, 1, ",".join(self.accounts))
        peer.send(9, 1, self.next_valid_id)
        for code, text in FARMS:
            peer.error(-1, code, text)
        if self.servers_lost:
            peer.error(-1, 1100, "Connectivity between IB and Trader Workstation has been lost.")
        for order in self.market.orders:
            if order.client_id == client_id and order.working:
                self._tell_state(peer, order)

    def _notice(self, code: int, text: str) -> None:
        for peer in self._all:
            peer.error(-1, code, text)

    # --- orders ------------------------------------------------------------------------------------------------------

    def _place(self, peer: Peer, fields: list[str]) -> None:
        asked = wire.placed(fields, peer.version)
        client_id = peer.client_id
        assert client_id is not None
        self.placed.append(asked)
        self.placed_by.append(client_id)
        known = next(
            (o for o in self.market.orders if o.client_id == client_id and o.order_id == asked.order_id != 0), None
        )
        fault = self.faults.take(On.PLACE if known is None else On.REPLACE)
        how = fault.how if fault is not None else None
        if how is How.LOST:
            return
        if how is How.DROP:
            peer.drop()
            return
        if how is How.ERROR and fault is not None:
            peer.error(asked.order_id, fault.code, fault.text)
            return
        if known is not None:
            self._mode = fault
            self._replace(peer, known, asked)
            self._mode = None
            if how is How.TAKEN_THEN_DROP:
                peer.drop()
            return
        refusal = self._refusal(client_id, asked)
        if refusal is not None:
            self._refuse(peer, asked, *refusal)
            return
        self.highest[client_id] = asked.order_id
        self.next_valid_id = max(self.next_valid_id, asked.order_id + 1)
        found = self._contract_of(asked)
        assert found is not None
        order = self.market.add(asked, client_id, found)
        if fault is not None:
            self._struck(peer, order, fault)
            return
        if self.servers_lost:
            order.status = "PendingSubmit"
            return
        self._state(order)
        self.market.match(order)

    def _struck(self, peer: Peer, order: Working, fault: Fault) -> None:
        how = fault.how
        if how in {How.ERROR_THEN_INACTIVE, How.INACTIVE_THEN_ERROR, How.CANCELLED_THEN_ERROR, How.INACTIVE}:
            order.status = "Cancelled" if how is How.CANCELLED_THEN_ERROR else "Inactive"
            order.completed_text = fault.text
            if how is How.ERROR_THEN_INACTIVE:
                peer.error(order.order_id, fault.code, fault.text)
            self._state(order)
            if how in {How.INACTIVE_THEN_ERROR, How.CANCELLED_THEN_ERROR}:
                peer.error(order.order_id, fault.code, fault.text)
            return
        self._mode = fault
        if how in {How.TAKEN_THEN_DROP, How.TAKEN_MUTE}:
            order.told = False
        elif how is How.HELD:
            order.held, order.status = True, "PreSubmitted"
            text = "Order Message: Warning: your order will not be placed at the exchange until 09:30:00 US/Eastern"
            peer.error(order.order_id, 399, text)
        elif how is How.LOCATE:
            order.status = "Inactive"
            peer.error(order.order_id, 404, "Shares for this order are not immediately available for short sale.")
        elif how is How.WARNED:
            peer.error(order.order_id, fault.code, fault.text)
        self._state(order)
        self.market.match(order)
        self._mode = None
        if how is How.EXECUTION_FIRST:
            self._state(order)
        if how is How.TAKEN_THEN_DROP:
            peer.drop()
            order.told = True

    def _replace(self, peer: Peer, order: Working, asked: Placed) -> None:
        if not order.working:
            code, text = 104, f"Cannot modify a {order.status.lower()} order."
            peer.error(order.order_id, code, text)
            return
        refusal = self._price_refusal(asked, order.listed)
        if asked.action != order.action:
            refusal = (105, "Order being modified does not match original order.")
        elif asked.kind != order.kind:
            refusal = (329, "Order modify failed. Cannot change to the new order type.")
        if refusal is not None:
            peer.error(order.order_id, *refusal)
            return
        order.terms(asked)
        told, mute = order.told, self._mode is not None and self._mode.how in {How.TAKEN_THEN_DROP, How.TAKEN_MUTE}
        order.told = told and not mute
        self._state(order)
        self.market.match(order)
        order.told = told

    def _refusal(self, client_id: int, asked: Placed) -> tuple[int, str] | None:
        if asked.order_id <= self.highest.get(client_id, 0):
            return 103, "Duplicate order id"
        found = self._contract_of(asked)
        if found is None:
            return 200, "No security definition has been found for the request"
        if asked.account not in self.accounts:
            return 435, "You must specify an account."
        if asked.qty <= 0:
            return 434, "The order size cannot be zero."
        refusal = self._price_refusal(asked, found)
        if refusal is not None:
            return refusal
        if not self.market.funds_for(asked, found):
            return 201, (
                "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION "
                "YOUR EQUITY WITH LOAN VALUE MUST EXCEED THE INITIAL MARGIN"
            )
        return None

    def _price_refusal(self, asked: Placed, found: Listed) -> tuple[int, str] | None:
        steps = RULES.get(found.rule, (("0", found.min_tick),))
        for px in (asked.price, asked.stop):
            step = [Decimal(increment) for low, increment in steps if Decimal(low) <= abs(px)][-1]
            if px % step:
                return 110, "The price does not conform to the minimum price variation for this contract."
        return None

    def _refuse(self, peer: Peer, asked: Placed, code: int, text: str) -> None:
        peer.error(asked.order_id, code, text)
        found = self._contract_of(asked)
        if code == 201 and found is not None:
            self.highest[peer.client_id or 0] = asked.order_id
            order = self.market.add(asked, peer.client_id or 0, found)
            order.status, order.completed_text = "Inactive", text
            self._tell_state(peer, order)
            self.market.orders.remove(order)

    def _contract_of(self, asked: Placed) -> Listed | None:
        found = self.market.matching(
            con_id=str(asked.con_id), symbol=asked.symbol, sec_type=asked.sec_type, currency=asked.currency
        )
        return found[0] if len(found) == 1 else None

    def _cancel(self, peer: Peer, fields: list[str]) -> None:
        order_id = int(fields[2])
        self.canceled.append(order_id)
        fault = self.faults.take(On.CANCEL)
        how = fault.how if fault is not None else None
        if how is How.LOST:
            return
        if how is How.DROP:
            peer.drop()
            return
        if how is How.ERROR and fault is not None:
            peer.error(order_id, fault.code, fault.text)
            return
        order = next(
            (o for o in self.market.orders if o.client_id == peer.client_id and o.order_id == order_id != 0), None
        )
        if order is None:
            peer.error(order_id, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")
            return
        if how is How.FILLED_FIRST and order.working:
            order.told = False
            done = self.market.fill(order, order.leaves, order.price or self.market.mark(order.listed.con_id))
            order.told = True
            self._too_late(peer, order)
            self._tell_done(done)
            self._state(order)
            return
        if not order.working:
            self._too_late(peer, order)
            return
        if how is How.TAKEN_THEN_DROP:
            order.told = False
            self.market.cancel(order, "")
            order.told = True
            peer.drop()
            return
        self._state(order, "PendingCancel")
        self.market.cancel(order, "")
        if how is How.LATE_FILL:
            self.market.fill(order, order.leaves, order.price or self.market.mark(order.listed.con_id))

    def _too_late(self, peer: Peer, order: Working) -> None:
        text = f"OrderId {order.order_id} that needs to be cancelled cannot be cancelled, state: {order.status}."
        peer.error(order.order_id, 10148, text)

    def _global_cancel(self, peer: Peer, fields: list[str]) -> None:
        for order in list(self.market.orders):
            if order.working:
                self.market.cancel(order, "")

    # --- what happened -----------------------------------------------------------------------------------------------

    def _happened(self, what: str, about: Any) -> None:
        if what == "quote":
            self._tick(about)
        elif what == "state":
            self._state(about)
        elif what == "done":
            if about.told:
                self._tell_done(about)
            if self._mode is None or self._mode.how is not How.EXECUTION_FIRST:
                self._state(about.order)
        elif what == "corrected":
            self._tell_done(about)
        elif what == "ended":
            self._ended(about)

    def _hearers(self, order: Working) -> list[Peer]:
        if not order.told:
            return []
        peer = self.peers.get(order.client_id)
        return [] if peer is None else [peer]

    def _state(self, order: Working, status: str | None = None) -> None:
        for peer in self._hearers(order):
            how = self._mode.how if self._mode is not None else None
            first = how is How.EXECUTION_FIRST and not order.filled
            if how is How.ONLY_EXECUTIONS or first:
                continue
            for _ in range(2 if how is How.DOUBLED else 1):
                self._tell_state(peer, order, status)

    def _tell_state(self, peer: Peer, order: Working, status: str | None = None) -> None:
        status = status or order.status
        why = "locate" if status == "Inactive" and not order.completed_text else ""
        if status == "PreSubmitted" and not order.triggered:
            why = "trigger"
        peer.send(*wire.open_order(order, status, peer.version))
        peer.send(*wire.order_status(order, status, why_held=why))

    def _ended(self, order: Working) -> None:
        for peer in self._hearers(order):
            peer.error(order.order_id, 202, "Order Canceled - reason:")
            peer.send(*wire.order_status(order, order.status))

    def _tell_done(self, done: Done) -> None:
        how = self._mode.how if self._mode is not None else None
        if how is How.ONLY_STATUS:
            return
        for peer in self._hearers(done.order):
            peer.send(*wire.exec_details(-1, done, peer.version))
            self._commission(peer, done)

    def _commission(self, peer: Peer, done: Done) -> None:
        peer.send(59, 1, done.exec_id, done.qty * COMMISSION, done.order.listed.currency, wire.UNSET, wire.UNSET, "")

    # --- questions ---------------------------------------------------------------------------------------------------

    def _deaf(self, kind: str) -> bool:
        return kind in self.faults.deaf

    def _open_orders(self, peer: Peer, fields: list[str]) -> None:
        if not self._deaf("open"):
            self._list(peer, lambda order: order.client_id == peer.client_id)

    def _all_open_orders(self, peer: Peer, fields: list[str]) -> None:
        if not self._deaf("open"):
            self._list(peer, lambda order: True)

    def _list(self, peer: Peer, wanted: Callable[[Working], bool]) -> None:
        for order in self.market.orders:
            if order.working and wanted(order):
                self._tell_state(peer, order)
        peer.send(53, 1)

    def _auto_open(self, peer: Peer, fields: list[str]) -> None:
        peer.auto_bind = fields[2] == "1" and peer.client_id == 0
        if peer.auto_bind:
            for number, order in enumerate(o for o in self.market.orders if o.client_id == 0 and not o.order_id):
                order.order_id = -2 - number

    def _completed(self, peer: Peer, fields: list[str]) -> None:
        if self._deaf("completed"):
            return
        for order in self.market.orders:
            if not order.working:
                peer.send(*wire.completed_order(order, peer.version, self._stamp()))
        peer.send(102)

    def _executions(self, peer: Peer, fields: list[str]) -> None:
        if self._deaf("executions"):
            return
        request, client_id = int(fields[2]), int(fields[3] or 0)
        since = datetime.strptime(f"{fields[5]} +0000", "%Y%m%d-%H:%M:%S %z") if fields[5] else EPOCH
        for done in self.market.done:
            if (not client_id or done.order.client_id == client_id) and done.at >= since:
                peer.send(*wire.exec_details(request, done, peer.version))
                self._commission(peer, done)
        peer.send(55, 1, request)

    def _contract_details(self, peer: Peer, fields: list[str]) -> None:
        if self._deaf("contracts"):
            return
        request = int(fields[2])
        found = self.market.matching(
            con_id=fields[3],
            symbol=fields[4],
            sec_type=fields[5],
            month=fields[6],
            exchange=fields[10],
            currency=fields[12],
            local=fields[13],
        )
        if not found:
            peer.error(request, 200, "No security definition has been found for the request")
            return
        for each in found:
            peer.send(*wire.contract_details(request, each, peer.version, self.hours or self._always()))
        peer.send(52, 1, request)

    def _always(self) -> str:
        """Open around the clock, from yesterday for a week, so that a rehearsal needs no patience."""
        today = self._now().astimezone(ZoneInfo("America/New_York")).date()
        days = [today + timedelta(days=offset) for offset in range(-1, 7)]
        return ";".join(f"{day:%Y%m%d}:0000-{day + timedelta(days=1):%Y%m%d}:0000" for day in days)

    def _market_rule(self, peer: Peer, fields: list[str]) -> None:
        number = int(fields[1])
        steps = RULES.get(number)
        if steps is None:
            tick = next((each.min_tick for each in self.market.contracts.values() if each.rule == number), "0.01")
            steps = (("0", tick),)
        peer.send(93, number, len(steps), *(value for step in steps for value in step))

    def _positions(self, peer: Peer, fields: list[str]) -> None:
        if self._deaf("positions"):
            return
        for (account, con_id), (qty, cost) in self.market.positions.items():
            peer.send(*wire.position(account, self.market.contracts[con_id], qty, cost))
        peer.send(62, 1)

    def _account_summary(self, peer: Peer, fields: list[str]) -> None:
        if self._deaf("accounts"):
            return
        request, tags = int(fields[2]), fields[4].split(",")
        for account in self.accounts:
            for tag, value in self._figures(account).items():
                if tag in tags:
                    peer.send(63, 1, request, account, tag, value, "USD")
        peer.send(64, 1, request)

    def _figures(self, account: str) -> dict[str, Decimal]:
        equity = self.market.equity(account)
        return {
            "NetLiquidation": equity,
            "TotalCashValue": self.market.cash.get(account, Decimal(0)),
            "BuyingPower": max(Decimal(0), equity * 4),
        }

    def _account_updates(self, peer: Peer, fields: list[str]) -> None:
        account = fields[3] or self.accounts[0]
        for tag, value in self._figures(account).items():
            peer.send(6, 2, tag, value, "USD", account)
        for (name, con_id), (qty, cost) in self.market.positions.items():
            if name == account:
                listed = self.market.contracts[con_id]
                peer.send(*wire.portfolio(account, listed, qty, self.market.mark(con_id), cost))
        peer.send(54, 1, account)

    def _account_multi(self, peer: Peer, fields: list[str]) -> None:
        request, account = int(fields[2]), fields[3]
        for tag, value in self._figures(account).items():
            peer.send(73, 1, request, account, "", tag, value, "USD")
        peer.send(74, 1, request)

    # --- market data -------------------------------------------------------------------------------------------------

    def _market_data(self, peer: Peer, fields: list[str]) -> None:
        request = int(fields[2])
        found = self.market.matching(
            con_id=fields[3], symbol=fields[4], sec_type=fields[5], currency=fields[12], local=fields[13]
        )
        if len(found) != 1:
            peer.error(request, 200, "No security definition has been found for the request")
            return
        peer.watched[request] = found[0]
        peer.send(58, 1, request, 1)
        self._tell_tick(peer, request, found[0])

    def _no_market_data(self, peer: Peer, fields: list[str]) -> None:
        peer.watched.pop(int(fields[2]), None)

    def _tick(self, listed: Listed) -> None:
        for peer in self._all:
            for request, watched in peer.watched.items():
                if watched is listed:
                    self._tell_tick(peer, request, listed)

    def _tell_tick(self, peer: Peer, request: int, listed: Listed) -> None:
        quoted = self.market.quotes.get(listed.con_id)
        if quoted is None:
            return
        for kind, px, size_kind, size in (
            (BID, quoted.bid, BID_SIZE, quoted.bid_size),
            (ASK, quoted.ask, ASK_SIZE, quoted.ask_size),
        ):
            peer.send(1, 6, request, kind, px, size, 0)
            peer.send(2, 6, request, size_kind, size)

    def trade(self, symbol: str, px: str, size: int | str) -> None:
        """A printed trade."""
        listed = self.market.called(symbol)
        for peer in self._all:
            for request, watched in peer.watched.items():
                if watched is listed:
                    peer.send(1, 6, request, LAST, Decimal(px), Decimal(size), 0)
                    peer.send(2, 6, request, LAST_SIZE, Decimal(size))
                    peer.send(46, 6, request, 45, self._clock.utc_ns() // 1_000_000_000)

    # --- time --------------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self._clock.utc_ns() // 1000)

    def _stamp(self) -> str:
        return f"{self._now().astimezone(ZoneInfo(self._zone)):%Y%m%d %H:%M:%S} {self._zone}"
