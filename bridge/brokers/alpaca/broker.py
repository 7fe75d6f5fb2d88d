"""The Alpaca adapter: stocks, ETFs and crypto over REST v2 and the trade_updates stream (docs/alpaca.md).

The synchronous client runs beside the loop in lanes (`rest`), requests keep to the rate limit (`budget`), what Alpaca
says becomes reports once (`listener`), and what a request came to is found out (`flows`). It is ready only while the
stream tells and a comparison has been made since it began to.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from bridge.brokers.alpaca import answers, rules, wire
from bridge.brokers.alpaca.activities import Row
from bridge.brokers.alpaca.answers import Denied, NoReply, NotSent, Throttled
from bridge.brokers.alpaca.budget import Budget, Use
from bridge.brokers.alpaca.door import Door
from bridge.brokers.alpaca.endpoints import check_key, endpoints
from bridge.brokers.alpaca.flows import Flows
from bridge.brokers.alpaca.follow import FollowUp
from bridge.brokers.alpaca.hours import NEW_YORK, Calendar
from bridge.brokers.alpaca.listener import Listener
from bridge.brokers.alpaca.queries import Queries
from bridge.brokers.alpaca.rest import Headers, Lane, Latency, Rest
from bridge.brokers.alpaca.stream import Stream
from bridge.brokers.alpaca.wire import Json, Unreadable, json_object
from bridge.interfaces import BrokerUnreachable, Clock, Fence
from bridge.orders.events import Mode, Request, Source
from bridge.orders.market import AssetClass, Instrument
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition, Executed, NoAnswer, Report
from bridge.vitals import Histogram

log = structlog.get_logger("bridge.brokers.alpaca")

T = TypeVar("T")

LANES = {Use.CANCEL: Lane.CANCEL, Use.ORDER: Lane.ORDER, Use.READ: Lane.READ}
CALENDAR_AHEAD = timedelta(days=7)
CALENDAR_EVERY = 6 * 3600.0
WARM_EVERY = 25.0


class AlpacaBroker:
    """Implements `bridge.interfaces.BrokerAdapter` for one Alpaca account.

    `on_reconnected` is awaited after every connection of the stream, the first included: who sets it compares our
    book with the broker's there, and the adapter is not ready before it has returned.
    """

    fence = Fence.NONE
    capabilities = rules.CAPABILITIES

    def __init__(
        self,
        *,
        name: str,
        account: str,
        key: str,
        secret: str,
        clock: Clock,
        mode: Mode = Mode.PAPER,
        endpoint: str | None = None,
        order_stream: str | None = None,
        requests_per_minute: int = 200,
        connect_timeout: float = 3.0,
        read_timeout: float = 8.0,
        settle: float = 30.0,
        quiet: float = 2.0,
        order_patience: float = 2.0,
        read_patience: float = 15.0,
        backoff: tuple[float, float] = (0.5, 30.0),
        ping: float = 5.0,
        one_door: bool = True,
    ) -> None:
        """Times in seconds. `settle` is what absence needs between two lists, `quiet` when an order that was told
        nothing about is asked for, the patiences how long the rate limit may hold an order or a question back.

        Raises WrongMode when address or key belong to the other mode, ValueError for times that do not fit: when
        absence is concluded, no request of ours may still be under way.
        """
        under_way = order_patience + connect_timeout + read_timeout
        if settle <= under_way:
            raise ValueError(f"settle {settle:g} s must be more than the {under_way:g} s a request may be under way")
        check_key(mode, key)
        self._name = name
        self._account = account
        self._key, self._secret = key, secret
        self._clock = clock
        self.mode = mode
        self.endpoints = endpoints(mode, endpoint, order_stream)
        self.settle = settle
        self.budget = Budget(requests_per_minute)
        self._timeouts = (connect_timeout, read_timeout)
        self._order_patience, self._read_patience = order_patience, read_patience
        self._backoff, self._ping = backoff, ping
        self._one_door = one_door
        self.on_reconnected: Callable[[], Awaitable[Any]] | None = None
        self._report: Callable[[Report], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._rest: Rest | None = None
        self._stream: Stream | None = None
        self._door: Door | None = None
        self._comparison: asyncio.Task[None] | None = None
        self._compared = asyncio.Event()
        self._down: str | None = "not started"
        self._comparing: str | None = None
        self._blocked: str | None = None
        self._calendar = Calendar()
        self.queries = Queries(name, account, self._get)
        self._follow = FollowUp(
            name,
            queries=self.queries,
            listener=lambda: self.listener,
            executed=self._executed,
            spawn=self._spawn,
            active=lambda: self._rest is not None,
            mute=self._mute,
            quiet=quiet,
        )
        self.listener = Listener(
            name,
            account,
            say=self._say,
            missing=self._follow.missing,
            ask=self._follow.ask,
            clock=clock.monotonic,
        )
        self.flows = Flows(
            name,
            send=self._send,
            queries=self.queries,
            listener=self.listener,
            say=self._say,
            refused=self._refused,
            watch=self._follow.watch,
            clock=clock.monotonic,
            settle=settle,
            first_look=min(0.25, quiet),
        )
        self.errors: Counter[str] = Counter()  # refusals by Alpaca's code
        self.unknown_errors: Counter[str] = Counter()
        self.garbled = 0
        self.mute_streams = 0
        self.ack_latency = Histogram()  # POST handed over until the broker's first word, ns
        self._submitted: dict[str, int] = {}

    # --- what it says of itself ---------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The BrokerSpec's metadata.name."""
        return self._name

    @property
    def unready(self) -> str | None:
        """Why opening orders are refused now, or None."""
        return self._down or self._comparing or self._blocked

    @property
    def latency(self) -> Latency | None:
        """Times per call, None before the start."""
        return None if self._rest is None else self._rest.latency

    @property
    def budget_ratio(self) -> float:
        """The used share of the rate limit, 0 to 1."""
        return self.budget.used(self._clock.monotonic())

    @property
    def reconnects(self) -> int:
        """Connections of the order stream after the first."""
        return 0 if self._stream is None else max(0, self._stream.connections - 1)

    def market_open(self, instrument: Instrument, now_ns: int) -> bool | None:
        """Whether Alpaca takes orders that can trade now, extended hours included; None when that is not known."""
        if instrument.asset_class is AssetClass.CRYPTO:
            return True
        return self._calendar.open_at(now_ns, extended=True)

    # --- start and stop -----------------------------------------------------------------------------------------------

    async def start(self, report: Callable[[Report], None]) -> None:
        """Connect and compare. Raises BrokerUnreachable when that has not come about; it goes on trying then.

        Raises DoorTaken when another bridge on this machine has the key, ImportError without alpaca-py.
        """
        connect_timeout, read_timeout = self._timeouts
        self._report = report
        if self._one_door:
            self._door = Door(self._key, self.endpoints.rest)
        try:
            self._rest = Rest(
                self.endpoints.rest,
                self._key,
                self._secret,
                paper=self.mode is Mode.PAPER,
                connect_timeout=connect_timeout,
                read_timeout=read_timeout,
                user_timeout=max(1.0, self.settle - 1.0),
                told=self._told,
            )
            self._stream = Stream(
                self.endpoints.order_stream,
                self._key,
                self._secret,
                heard=self._heard,
                garbled=self._garbled,
                up=self._up,
                down=self._lost,
                backoff=self._backoff,
                ping=self._ping,
                open_timeout=connect_timeout + read_timeout,
            )
        except BaseException:
            self._close_door()
            raise
        self._down = "connecting"
        self._compared.clear()
        self._stream.start()
        self._spawn(self._keep_up(), "alpaca warmth and calendar")
        await self._stream.first_try.wait()
        if self._stream.connections:
            waiting = asyncio.ensure_future(self._compared.wait())
            await asyncio.wait([waiting], timeout=2 * (connect_timeout + read_timeout))
            waiting.cancel()
        why = self.unready
        if why is not None and why != self._blocked:
            raise BrokerUnreachable(f"{self._name}: {why}")

    async def stop(self) -> None:
        """Disconnect, orders stay. Requests under way are left to their timeouts, their outcome to the next start."""
        self._down = "stopped"
        if self._stream is not None:
            await self._stream.stop()
        if self._comparison is not None:
            self._comparison.cancel()
        self._follow.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._rest is not None:
            self._rest.close()
            self._rest = None
        self._close_door()

    def _close_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None

    # --- requests -----------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Sent once, under `order.broker_client_id`."""
        if (why := self.unready) is not None:
            self.flows.refuse(order, ReasonCode.BROKER_UNAVAILABLE, f"not sent: {why}")
            return
        rejection = rules.check(order, self.queries.assets.get(order.symbol))
        if rejection is not None:
            self.flows.refuse(order, rejection.code, f"not sent: {rejection.text}")
            return
        if order.symbol not in self.queries.assets:
            self._spawn(self._learn(order.symbol), "alpaca asset")
        self._spawn(
            self.flows.submit(order, self._send(Use.ORDER, "POST", "/orders", wire.new_order(order))), "alpaca submit"
        )

    def replace(self, order: Order) -> None:
        """Sent once: a new order at Alpaca, under the request's own id."""
        wanted = order.pending_replace
        assert wanted is not None
        seen = self.listener.orders.of_client(order.broker_client_id)
        order_id = seen.id if seen is not None else order.broker_order_id
        rejection = rules.check_replace(order, wanted)
        if (why := self.unready) is not None:
            self.flows.refuse_replace(order, f"not sent: {why}")
        elif rejection is not None:
            self.flows.refuse_replace(order, f"not sent: {rejection.text}")
        elif order_id is None:
            self.flows.refuse_replace(order, "not sent: Alpaca's id of the order is not known yet")
        else:
            self.listener.introduce(order_id, order.broker_client_id)
            if wanted.order_qty <= order.cum_qty:
                self._spawn(self.flows.stop_at_filled(order, order_id), "alpaca replace")
                return
            self.listener.expect(order_id, wanted.broker_client_id)
            sending = self._send(Use.ORDER, "PATCH", f"/orders/{order_id}", wire.replacement(order, wanted))
            self._spawn(self.flows.replace(order, order_id, sending), "alpaca replace")

    def cancel(self, order: Order) -> None:
        """Tried whatever the stream does, and repeated until it is answered."""
        if self._rest is None:
            text = self._down or "not started"
            client_id = order.broker_client_id
            self._say(NoAnswer(broker=self._name, broker_client_id=client_id, request=Request.CANCEL, text=text))
            return
        self._spawn(self.flows.cancel(order), "alpaca cancel")

    # --- questions ----------------------------------------------------------------------------------------------------

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that works, of every origin."""
        return await self._answered(self._open_orders())

    async def _open_orders(self) -> Sequence[BrokerOrder]:
        bodies, stated = await self.queries.open_orders()
        for body in bodies:
            self.listener.body(body, Source.RECON)
        return stated

    async def find(self, order: Order) -> BrokerOrder | None:
        """By our id, in any state; the newest of a replace chain."""
        return await self._answered(self._find(order))

    async def _find(self, order: Order) -> BrokerOrder | None:
        body = await self.queries.by_client_id(order.broker_client_id or "")
        if body is None:
            return None
        newest = await self.queries.newest(body)
        self.listener.body(newest, Source.RECON)
        return await self.queries.stated(newest)

    async def executions(self, since: datetime) -> Sequence[Executed]:
        """From the account's activities, every page."""
        return await self._answered(self._executions(since))

    async def _executions(self, since: datetime) -> Sequence[Executed]:
        rows = await self.queries.rows(since)
        owners = await self.queries.owners(rows)
        found = [self._executed(row, owners.get(row.order_id)) for row in rows]
        self.listener.executions(found)
        return found

    def _executed(self, row: Row, client_id: str | None) -> Executed:
        place = (row.cum_qty, row.qty, row.px)
        execution_id = self.listener.known_id(row.order_id, row.execution_id, place, listed=True)
        return self.queries.executed(row, execution_id, client_id)

    async def positions(self) -> Sequence[BrokerPosition]:
        """All positions; crypto under the symbol it is dealt as."""
        return await self._answered(self.queries.positions())

    async def accounts(self) -> Sequence[BrokerAccount]:
        """The one account behind the key."""
        return await self._answered(self._accounts())

    async def _accounts(self) -> Sequence[BrokerAccount]:
        body = json_object(await self._get("/account"))
        blocked = [what for what in ("account_blocked", "trading_blocked", "trade_suspended_by_user") if body.get(what)]
        status = body.get("status", "ACTIVE")
        self._blocked = (
            f"Alpaca says {', '.join(blocked)}"
            if blocked
            else None
            if status == "ACTIVE"
            else f"the account's status is {status}"
        )
        return [wire.statement(body, self._account, self._clock.utc_ns())]

    async def instruments(self) -> list[Instrument]:
        """Every active asset as a row of the symbol master. Two large answers: not for every minute."""
        return await self._answered(self._instruments())

    async def _instruments(self) -> list[Instrument]:
        shares, crypto = await self.queries.all_assets("us_equity"), await self.queries.all_assets("crypto")
        return [wire.instrument(asset) for asset in (*shares, *crypto)]

    async def market_clock(self) -> Json:
        """Alpaca's clock: `timestamp`, `is_open`, `next_open`, `next_close`."""
        return json_object(await self._answered(self._get("/clock")))

    async def _answered(self, question: Coroutine[Any, Any, T]) -> T:
        """Whatever is no answer is BrokerUnreachable."""
        try:
            return await question
        except (NoReply, Unreadable) as error:
            raise BrokerUnreachable(f"{self._name}: {error}") from error
        except Denied as denied:
            self._refused(denied)
            raise BrokerUnreachable(f"{self._name}: {denied.broker_code} {denied.text}") from denied

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send(self, use: Use, method: str, path: str, data: Any = None) -> Awaitable[Any]:
        """At once where the budget allows it, so that an order leaves in the turn that routed it."""
        if self._rest is None:
            return _failed(NotSent(self._down or "not started"))
        if self.budget.take(use, self._clock.monotonic()) == 0.0:
            return self._rest.call(LANES[use], method, path, data)
        return self._send_later(use, method, path, data)

    async def _send_later(self, use: Use, method: str, path: str, data: Any) -> Any:
        patience = {Use.ORDER: self._order_patience, Use.READ: self._read_patience, Use.CANCEL: 120.0}[use]
        until = self._clock.monotonic() + patience
        while True:
            now = self._clock.monotonic()
            wait = self.budget.take(use, now)
            if wait == 0.0:
                if self._rest is None:
                    raise NotSent(self._down or "not started")
                return await self._rest.call(LANES[use], method, path, data)
            if now + wait > until:
                raise Throttled(f"{self.budget.limit} requests a minute are used up, {wait:.1f} s until the next")
            await asyncio.sleep(wait)

    async def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """A question, repeated only after 429."""
        for _ in range(3):
            try:
                return await self._send(Use.READ, "GET", path, query)
            except Denied as denied:
                if not denied.throttled:
                    raise
        raise NoReply("the rate limit leaves no room for questions")

    def _told(self, headers: Headers, status: int) -> None:
        now = self._clock.monotonic()
        reset_in = None if headers.reset is None else headers.reset - self._clock.utc_ns() / 1e9
        self.budget.told(headers.limit, headers.remaining, reset_in, now)
        if status == 429:
            self.budget.refused(reset_in, now)

    def _refused(self, denied: Denied) -> None:
        self.errors[denied.broker_code] += 1
        if not answers.known(denied):
            self.unknown_errors[denied.broker_code] += 1
            log.warning("unknown error of the broker", broker=self._name, code=denied.broker_code, text=denied.text)

    # --- the stream ---------------------------------------------------------------------------------------------------

    def _up(self) -> None:
        self._follow.told()
        self._comparing = "comparing with the broker"
        self._down = None
        self._compare()

    def _lost(self, reason: str) -> None:
        if self._down != "stopped":
            self._down = f"the order stream is down: {reason}"
        if self._comparison is not None:
            self._comparison.cancel()

    def _compare(self) -> None:
        if self._comparison is not None:
            self._comparison.cancel()
        self._comparison = asyncio.create_task(self._compared_once(), name="alpaca comparison")
        self._comparison.add_done_callback(_log_failure)

    async def _compared_once(self) -> None:
        wait = self._backoff[0]
        while True:
            try:
                await (self.on_reconnected or self.open_orders)()
                break
            except BrokerUnreachable as error:
                self._comparing = f"not compared with the broker yet: {error}"
                log.warning("not compared", broker=self._name, error=str(error))
            except Exception as error:
                self._comparing = f"the comparison with the broker failed: {error}"
                log.exception("comparison failed", broker=self._name)
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._backoff[1])
        self._comparing = None
        self._compared.set()

    def _heard(self, data: dict[str, Any]) -> None:
        self._follow.told()
        try:
            self.listener.update(data)
        except Exception:
            # An event must not be lost by being strange: it is counted, and everything is compared.
            self.garbled += 1
            log.exception("trade update not understood", broker=self._name, trade_update=data.get("event"))
            self._compare()

    def _garbled(self, frame: str) -> None:
        self.garbled += 1
        log.error("frame not understood", broker=self._name, frame=frame)
        self._compare()

    async def _mute(self) -> None:
        if self._stream is not None and self._down is None:
            self.mute_streams += 1
            self._down = "the order stream tells nothing"
            await self._stream.renew()

    # --- around it ----------------------------------------------------------------------------------------------------

    async def _learn(self, symbol: str) -> None:
        try:
            await self.queries.asset(symbol)
        except (NoReply, Denied, Unreadable) as error:
            log.info("asset not known", broker=self._name, symbol=symbol, error=str(error))

    async def _keep_up(self) -> None:
        """Keep connections warm, and know the market's days."""
        calendar_due = 0.0
        while True:
            now = self._clock.monotonic()
            for use in Use:
                if self.budget.take(Use.READ, now) == 0.0 and self._rest is not None:
                    try:
                        await self._rest.call(LANES[use], "GET", "/clock")
                    except (NoReply, Denied) as error:
                        log.info("connection not warm", broker=self._name, lane=use.name, error=str(error))
            if now >= calendar_due:
                try:
                    today = datetime.fromtimestamp(self._clock.utc_ns() / 1e9, NEW_YORK).date()
                    last = today + CALENDAR_AHEAD
                    self._calendar.take(await self.queries.calendar(today, last), today, last)
                    calendar_due = now + CALENDAR_EVERY
                except (NoReply, Denied, Unreadable) as error:
                    log.warning("market calendar not known", broker=self._name, error=str(error))
            await asyncio.sleep(WARM_EVERY)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)

    def _say(self, report: Report) -> None:
        if self._report is not None:
            self._report(report)


async def _failed(error: Exception) -> Any:
    raise error


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("adapter task failed", task=task.get_name(), exc_info=error)
