"""`/v1/stream`: entries in order with resume, states conflated, order entry, over one WebSocket (OUTPUTS.md section 5).

Nothing is queued per client. A subscription is a position in the journal and a client that reads slowly is simply
further behind; states have one newest value per key. One that takes nothing for 30 s is closed with its cursor.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from bridge.control import Unreachable
from bridge.control_commands import MarketState
from bridge.interfaces import JournalError
from bridge.journal.encoding import to_json
from bridge.journal.errors import JournalTrimmed
from bridge.outputs.http import ordering
from bridge.outputs.http import stream_frames as frames
from bridge.outputs.http.door import PRINCIPAL, VALID, Message, Receive, Scope, Send
from bridge.outputs.http.entries import shown
from bridge.outputs.http.errors import problem_of
from bridge.outputs.http.principal import Principal, Role
from bridge.outputs.http.services import Services
from bridge.outputs.http.state_board import Item, StateBoard
from bridge.outputs.stream import Outward
from bridge.problems import Problem, ProblemError, problem, refuse

PATH = "/v1/stream"
CLIENTS = 200
SUBSCRIPTIONS = 20
UNANSWERED = 64  # requests of one client, after that it is not read from
AUTH_WITHIN = 5.0
HEARTBEAT = 5.0
STALLED = 30.0
ORDERS_EVERY = 0.25
STATES_EVERY = 1.0
QUOTES_EVERY = 0.5
SNAPSHOT_ITEMS = 100  # documents in one frame
BATCH = 100  # entries fetched at once

_audit = structlog.get_logger("bridge.audit")
_log = structlog.get_logger("bridge.http")
_decode = msgspec.json.Decoder(frames.ClientFrames).decode


class Closed(Exception):
    """The connection ends with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Streams:
    """All stream connections of this process; an ASGI application for the one path.

    `take(name)` gives the seconds a request of a token has to wait; `watch(clients, slow)` is told how many clients
    there are and how many were closed for not reading, whenever that changes.
    """

    def __init__(
        self, services: Services, take: Callable[[str], float], watch: Callable[[int, int], None] | None = None
    ) -> None:
        self.services = services
        self.take = take
        self._watch = watch
        self.board = StateBoard(services.book, lambda: services.now().timestamp())
        self.connections: set[Connection] = set()
        self.slow = 0
        self._timer: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection from its first frame to its last."""
        await receive()
        if len(self.connections) >= CLIENTS:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1013, "reason": "too many clients"})
            return
        connection = Connection(self, scope, receive, send)
        self.connections.add(connection)
        self._changed()
        if self._timer is None:
            self._timer = asyncio.create_task(self._tick(), name="streams")
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
            self._changed()

    def _changed(self) -> None:
        if self._watch is not None:
            self._watch(len(self.connections), self.slow)

    async def close(self) -> None:
        """Close every connection: 1012 when the engine is gone, else 1001."""
        code = 1001 if self.services.engine.connected else 1012
        for connection in tuple(self.connections):
            connection.end(code, frames.CLOSES[code])
        if self._timer is not None:
            self._timer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._timer
            self._timer = None

    async def _tick(self) -> None:
        """Keep the board up to date while anybody looks at it."""
        loop = asyncio.get_running_loop()
        states = quotes = 0.0
        while True:
            await asyncio.sleep(ORDERS_EVERY)
            wanted = {kind for connection in self.connections for kind in connection.kinds}
            if not wanted:
                if self.board.active:
                    self.board.end()
                continue
            now = loop.time()
            version = self.board.version
            try:
                self.board.refresh_orders()
                if now - states >= STATES_EVERY:
                    states = now
                    self.board.refresh()
                if "quotes" in wanted and now - quotes >= QUOTES_EVERY:
                    quotes = now
                    await self._quotes()
            except (ProblemError, Unreachable):
                pass  # the engine is away for a moment: readyz and the heartbeat of the vitals say so
            except Exception:  # noqa: BLE001 - one bad document must not end everybody's states
                _log.exception("states cannot be refreshed")
            if self.board.version != version:
                for connection in self.connections:
                    connection.moved.set()

    async def _quotes(self) -> None:
        symbols = sorted({symbol for connection in self.connections for symbol in connection.quoted})
        if symbols:
            self.board.market(await self.services.engine.ask("market", tuple[MarketState, ...], symbols=symbols))


class Subscription:
    """One filter with its position. `cursor` is how far the client has been told."""

    def __init__(self, connection: "Connection", frame: frames.Subscribe) -> None:
        principal = connection.principal
        assert principal is not None
        self.id = frame.id
        self.states = frame.states
        self.accounts = None if frame.accounts is None else frozenset(frame.accounts)
        self.symbols = None if frame.symbols is None else frozenset(frame.symbols)
        self._types = None if frame.types is None else frozenset(frame.types)
        self._principal = principal
        self.entries = frame.types is None or bool(frame.types)
        stream = connection.services.book.stream
        self.follower = stream.follow(stream.last if frame.after is None else frame.after, self._wanted)
        self.sending = False
        self._sent = self.follower.position
        self.version = connection.streams.board.version
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def cursor(self) -> int:
        """Everything that matches up to here has been sent."""
        return self._sent if self.sending else self.follower.position

    def sent(self, seq: int) -> None:
        """The entry was handed to the socket."""
        self._sent = seq

    def _wanted(self, item: Outward) -> bool:
        return (
            (self._types is None or item.type in self._types)
            and (self.accounts is None or item.account in self.accounts)
            and (self.symbols is None or item.symbol in self.symbols)
            and shown(item, self._principal)
        )

    def shows(self, item: Item) -> bool:
        """Whether a state is among what was asked for and may be seen."""
        if item.account and not (
            self._principal.sees(item.account) and (self.accounts is None or item.account in self.accounts)
        ):
            return False
        return not item.symbol or self.symbols is None or item.symbol in self.symbols


class Connection:
    """One client."""

    def __init__(self, streams: Streams, scope: Scope, receive: Receive, send: Send) -> None:
        self.streams = streams
        self.services = streams.services
        self.principal: Principal | None = scope.get(PRINCIPAL)
        self._valid: Callable[[], bool] = scope.get(VALID) or (lambda: True)
        self._scope = scope
        self._receive = receive
        self._send = send
        self._lock = asyncio.Lock()
        self._subscriptions: dict[int, Subscription] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(UNANSWERED)
        self._ending: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        self.moved = asyncio.Event()

    @property
    def kinds(self) -> set[str]:
        """States somebody here listens to."""
        return {kind for subscription in self._subscriptions.values() for kind in subscription.states}

    @property
    def quoted(self) -> set[str]:
        """Symbols whose quotes are wanted."""
        return {
            symbol
            for subscription in self._subscriptions.values()
            if "quotes" in subscription.states
            for symbol in subscription.symbols or ()
        }

    def end(self, code: int, reason: str) -> None:
        """Close from outside."""
        if not self._ending.done():
            self._ending.set_result(Closed(code, reason))

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until either side closes."""
        await self._send({"type": "websocket.accept"})
        reading = asyncio.create_task(self._read(), name="stream reading")
        beating = asyncio.create_task(self._beat(), name="stream heartbeat")
        states = asyncio.create_task(self._tell_states(), name="stream states")
        closed: Closed | None = None
        try:
            waiting: set[asyncio.Future[Any]] = {reading, self._ending}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._ending.done():
                closed = self._ending.result()
            elif reading.exception() is not None:
                closed = self._closed(reading.exception())
        finally:
            tasks = [reading, beating, states, *self._requests]
            for subscription in self._subscriptions.values():
                tasks += subscription.tasks
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._subscriptions.clear()
        if closed is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    await self._send({"type": "websocket.close", "code": closed.code, "reason": closed.reason[:120]})

    def _closed(self, error: BaseException | None) -> Closed | None:
        if isinstance(error, Closed):
            return error
        if isinstance(error, _Gone):
            return None
        _log.error("stream failed", exc_info=error)
        return Closed(1011, "internal error")

    async def _read(self) -> None:
        """Client frames, one after the other."""
        if self.principal is None:
            await self._authenticate()
        assert self.principal is not None
        if not self.principal.role.covers(Role.READ):
            raise Closed(4403, f"role {self.principal.role.value} may not read")
        await self.say(
            frames.Hello(
                seq=self.services.book.stream.last,
                heartbeat_s=HEARTBEAT,
                name=self.principal.name,
                role=self.principal.role.value,
            )
        )
        while True:
            text = await self._text()
            try:
                frame = _decode(text)
            except msgspec.ValidationError as error:
                await self._refuse(_id_of(text), problem("malformed", str(error)))
            except msgspec.DecodeError as error:
                raise Closed(4400, f"not JSON: {error}") from error
            else:
                await self._take(frame)

    async def _authenticate(self) -> None:
        try:
            async with asyncio.timeout(AUTH_WITHIN):
                frame = _decode(await self._text())
        except (TimeoutError, msgspec.DecodeError) as error:
            raise Closed(4401, 'the first frame must be {"op":"auth","token":"fbt_…"}') from error
        if not isinstance(frame, frames.Auth):
            raise Closed(4401, 'the first frame must be {"op":"auth","token":"fbt_…"}')
        address = self._scope["client"][0] if self._scope.get("client") else None
        tokens = self.services.tokens
        token = tokens.find(frame.token, address)
        if token is None:
            raise Closed(4401, "the token is unknown, expired, or not for this address")
        self._valid = lambda: tokens.find(frame.token, address) is not None
        self.principal = token.principal

    async def _text(self) -> str:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise _Gone
        text = message.get("text")
        if text is None:
            raise Closed(4400, "text frames only")
        return str(text)

    async def _beat(self) -> None:
        """A heartbeat with the cursor, and a look at whether the token still holds."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            if self.principal is None:
                continue
            if not self._valid():
                self.end(4401, "the token holds no longer")
                return
            cursors = [each.cursor for each in self._subscriptions.values() if each.entries]
            seq = min(cursors, default=self.services.book.stream.last)
            await self.say(frames.Heartbeat(seq=seq, time=self.services.now()))

    # --- out ---------------------------------------------------------------------------------------------------------

    async def say(self, frame: frames.ServerFrames) -> None:
        """Send a frame of ours."""
        await self._write(to_json(frame))

    async def _write(self, data: bytes) -> None:
        """Hand one frame to the socket. A peer that takes nothing for 30 s is slow, and closed."""
        message: Message = {"type": "websocket.send", "text": data.decode()}
        try:
            async with self._lock, asyncio.timeout(STALLED):
                await self._send(message)
        except TimeoutError:
            self.streams.slow += 1
            cursors = [each.cursor for each in self._subscriptions.values() if each.entries]
            self.end(4408, str(min(cursors, default=0)))
            raise _Gone from None
        except OSError as error:
            raise _Gone from error

    async def _refuse(self, number: int | None, refusal: Problem) -> None:
        members = {
            name: getattr(refusal, name)
            for name in frames.ProblemFrame.__struct_fields__
            if name != "id" and hasattr(refusal, name)
        }
        await self.say(frames.ProblemFrame(id=number, **members))

    # --- in ----------------------------------------------------------------------------------------------------------

    async def _take(self, frame: frames.ClientFrames) -> None:
        match frame:
            case frames.Subscribe():
                try:
                    await self._subscribe(frame)
                except ProblemError as error:
                    await self._refuse(frame.id, error.problem)
            case frames.Unsubscribe(id=number):
                subscription = self._subscriptions.pop(number, None)
                if subscription is None:
                    await self._refuse(number, problem("not-found", f"there is no subscription {number}"))
                    return
                for task in subscription.tasks:
                    task.cancel()
                await asyncio.gather(*subscription.tasks, return_exceptions=True)
                await self.say(frames.Unsubscribed(id=number))
            case frames.Auth():
                await self._refuse(None, problem("conflict", "authenticated already"))
            case _:
                await self._request(frame)

    async def _subscribe(self, frame: frames.Subscribe) -> None:
        principal = self.principal
        assert principal is not None
        unknown = [kind for kind in frame.states if kind not in frames.KINDS]
        if unknown:
            raise refuse("malformed", f"states: {', '.join(unknown)} is none of {', '.join(frames.KINDS)}")
        if "quotes" in frame.states and not frame.symbols:
            raise refuse("malformed", "states: quotes need symbols")
        if frame.id in self._subscriptions:
            raise refuse("conflict", f"there is a subscription {frame.id}")
        if len(self._subscriptions) >= SUBSCRIPTIONS:
            raise refuse("conflict", f"{SUBSCRIPTIONS} subscriptions are all there can be")
        for account in frame.accounts or ():
            principal.require(account)
        if frame.states:
            self.streams.board.begin()
        subscription = Subscription(self, frame)
        # everything below is built before the first await, so snapshots and position are of one moment
        seq = self.services.book.seq
        snapshots = [(kind, self._snapshot(kind, subscription)) for kind in frame.states]
        if frame.after is None:
            subscription.follower.seek(seq)
        self._subscriptions[frame.id] = subscription
        await self.say(frames.Subscribed(id=frame.id, start=subscription.follower.position + 1))
        for kind, items in snapshots:
            await self._tell(subscription, kind, seq, items, snapshot=True)
        if subscription.entries:
            subscription.tasks.append(asyncio.create_task(self._follow(subscription), name="stream entries"))

    def _snapshot(self, kind: str, subscription: Subscription) -> "list[Item]":
        return [item for item in self.streams.board.snapshot(kind) if subscription.shows(item)]

    async def _follow(self, subscription: Subscription) -> None:
        """Entries of one subscription, in order, as fast as the client takes them."""
        try:
            while True:
                items = await subscription.follower.next(BATCH)
                subscription.sent(items[0].seq - 1)
                subscription.sending = True
                for item in items:
                    await self._write(item.data)
                    subscription.sent(item.seq)
                subscription.sending = False
        except JournalTrimmed as error:
            self.end(4410, str(error))
        except JournalError as error:
            _log.error("stream cannot read the journal", error=str(error))
            self.end(1011, "the journal cannot be read")
        except _Gone:
            return

    async def _tell_states(self) -> None:
        """States that changed, whenever the board has moved."""
        with contextlib.suppress(_Gone):
            while True:
                await self.moved.wait()
                self.moved.clear()
                board = self.streams.board
                for subscription in tuple(self._subscriptions.values()):
                    since, subscription.version = subscription.version, board.version
                    seq = self.services.book.seq
                    changes = [
                        (kind, [item for item in board.changed(kind, since) if subscription.shows(item)])
                        for kind in subscription.states
                    ]
                    for kind, items in changes:
                        if items:
                            await self._tell(subscription, kind, seq, items, snapshot=False)

    async def _tell(
        self, subscription: Subscription, kind: str, seq: int, items: list[Item], *, snapshot: bool
    ) -> None:
        """Documents in frames of at most SNAPSHOT_ITEMS; an empty snapshot is said, an empty change is not."""
        parts = [items[first : first + SNAPSHOT_ITEMS] for first in range(0, len(items), SNAPSHOT_ITEMS)] or [[]]
        for place, part in enumerate(parts):
            head = b'{"op":"state","id":%d,"kind":"%s","seq":%d,"items":[' % (subscription.id, kind.encode(), seq)
            tail = b"]" + (b',"snapshot":true' if snapshot else b"")
            tail += b',"more":true}' if place + 1 < len(parts) else b"}"
            await self._write(head + b",".join(self._shown(item, kind) for item in part) + tail)

    def _shown(self, item: Item, kind: str) -> bytes:
        """A peer's address is for tokens without account scope only."""
        assert self.principal is not None
        if kind == "sessions" and self.principal.accounts:
            document = msgspec.json.decode(item.data, type=dict[str, Any])
            document.pop("peer", None)
            return to_json(document)
        return item.data

    # --- orders ------------------------------------------------------------------------------------------------------

    async def _request(self, frame: frames.Ordering) -> None:
        """Run a request beside the reading, at most UNANSWERED at once, handed over in the order they came."""
        await self._room.acquire()
        task = asyncio.create_task(self._answer(frame), name="stream request")
        self._requests.add(task)
        task.add_done_callback(self._requested)
        await asyncio.sleep(0)

    def _requested(self, task: "asyncio.Task[None]") -> None:
        self._requests.discard(task)
        self._room.release()

    async def _answer(self, frame: frames.Ordering) -> None:
        principal = self.principal
        assert principal is not None
        status = 500
        try:
            if not principal.role.covers(Role.TRADE):
                raise refuse("forbidden", f"this needs role trade, token {principal.name} has {principal.role.value}")
            wait = self.streams.take(f"token {principal.name}")
            if wait:
                raise refuse("throttled", "too many requests", retry_after=max(1, round(wait)))
            done = await self._do(frame, principal)
            status = done.status
            await self.say(done)
        except _Gone:
            return
        except Exception as error:  # noqa: BLE001 - every failure is told to the client, and logged when it is ours
            refusal = problem_of(error, changes=True)
            if refusal.status == 500:
                _log.error("stream request failed", op=type(frame).__name__, exc_info=error)
            status = refusal.status
            with contextlib.suppress(_Gone):
                await self._refuse(frame.id, refusal)
        finally:
            _audit.info(
                "change asked for",
                who=principal.name,
                address=self._scope["client"][0] if self._scope.get("client") else None,
                method="WS",
                path=PATH,
                op=frame.__struct_config__.tag,
                status=status,
            )

    async def _do(self, frame: frames.Ordering, principal: Principal) -> frames.Done:
        services = self.services
        match frame:
            case frames.NewOrder(dry_run=True):
                verdict = await ordering.dry_run(services, principal, frame.order)
                return frames.Done(id=frame.id, status=200, verdict=verdict)
            case frames.NewOrder():
                answer, status = await ordering.enter(services, principal, frame.order), 201
            case frames.ReplaceOrder():
                answer = await ordering.replace(services, principal, frame.order_id, frame.change, frame.if_match)
                status = 202
            case frames.CancelOrder():
                answer = await ordering.cancel(services, principal, frame.order_id, frame.cl_ord_id, frame.if_match)
                status = 202
            case frames.CancelAll():
                mass = await ordering.cancel_all(services, principal, frame.request)
                return frames.Done(
                    id=frame.id, status=202, mass_id=mass.mass_id, count=mass.count, order_ids=mass.order_ids
                )
        if answer.replayed:
            status = 200
        return frames.Done(id=frame.id, status=status, order=answer.order, replayed=answer.replayed)


class _Gone(Exception):
    """The client has gone: nothing is left to say."""


def _id_of(text: str) -> int | None:
    """The id of a frame that is JSON but not as documented."""
    with contextlib.suppress(msgspec.DecodeError):
        value = msgspec.json.decode(text)
        number = value.get("id") if isinstance(value, dict) else None
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 2**53:
            return number
    return None
