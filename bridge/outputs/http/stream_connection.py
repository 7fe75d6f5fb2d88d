"""One client of `/v1/stream`: what it asks for, how far it has been told, and the requests it makes."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import structlog

from bridge.interfaces import JournalError
from bridge.journal.encoding import to_json
from bridge.journal.errors import JournalTrimmed
from bridge.outputs.http import ordering
from bridge.outputs.http import stream_frames as frames
from bridge.outputs.http.door import PRINCIPAL, VALID, Message, Receive, Scope, Send
from bridge.outputs.http.errors import problem_of
from bridge.outputs.http.principal import Principal, Role
from bridge.outputs.http.services import Services
from bridge.outputs.http.state_board import Item, StateBoard
from bridge.outputs.http.subscription import Subscription
from bridge.problems import Problem, ProblemError, problem, refuse

PATH = "/v1/stream"
SUBSCRIPTIONS = 20
UNANSWERED = 64  # requests of one client, after that it is not read from
AUTH_WITHIN = 5.0
HEARTBEAT = 5.0
STALLED = 30.0
SNAPSHOT_ITEMS = 100  # documents in one frame
BATCH = 100  # entries fetched at once

_audit = structlog.get_logger("bridge.audit")
_log = structlog.get_logger("bridge.http")
_decode = msgspec.json.Decoder(frames.ClientFrames).decode


class House(Protocol):
    """What a connection needs of all streams together."""

    services: Services
    board: StateBoard
    take: Callable[[str], float]
    slow: int


class Closed(Exception):
    """The connection ends with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Connection:
    """One client."""

    def __init__(self, streams: House, scope: Scope, receive: Receive, send: Send) -> None:
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
        subscription = Subscription(frame, principal, self.services.book.stream, self.streams.board.version)
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
