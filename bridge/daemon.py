"""The composition root: start, run, drain, stop. With `bridge.assembly` the only code that names concrete classes.

Order of a start: lock and recover the journal, fold it, bring the FIX sink up to the journal, connect the brokers,
compare with them, and only then open ports. Order of a stop: no new orders, sessions logged out with a reason,
outputs flushed, brokers disconnected, journal closed.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
import structlog

from bridge import assembly, faults
from bridge.assembly import StartFailed
from bridge.brokers.router import Router
from bridge.commands import EngineCommands
from bridge.control import ControlServer
from bridge.control_commands import offer
from bridge.control_orders import ControlOrders
from bridge.desk import Desk, utc
from bridge.engine import Engine
from bridge.gate import Shown
from bridge.gateway import Gateway
from bridge.gauges import Gauges
from bridge.held_store import HeldStore
from bridge.interfaces import BrokerUnreachable, EventSink, JournalError
from bridge.journal.recovery import machine_stopped
from bridge.journal.retention import retain
from bridge.journal.state import SnapshotBuilder
from bridge.journal.storage import boot_id
from bridge.marketdata.quotes import QuoteBook
from bridge.markouts import Markouts
from bridge.orders.events import DayRolled, Entry, Reserved, Scope
from bridge.orders.reports import Report
from bridge.outputs.fix import FixReports
from bridge.outputs.position_feed import PositionFeed
from bridge.outputs.tail import JournalSource
from bridge.paper_desk import PaperDesk
from bridge.pulse import Pulse
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.risk.changes import ChangeTerms
from bridge.risk.watch import Watch
from bridge.risk_door import RiskDesk
from bridge.settings import Settings
from bridge.stages import Stages
from bridge.standing import newest, uncollected
from bridge.vitals import Vitals
from fixspec.messages import Message
from fixspec.sparse import Sparse
from sessions.acceptor import Acceptor
from sessions.clock import SystemClock
from sessions.config import SessionConfig
from sessions.interfaces import Store, StoreFailed
from sessions.store import FileStore
from sessions.wirelog import FileWireLog

log = structlog.get_logger("bridge.daemon")

RECONCILE_EVERY = 60.0
SETTLE_EVERY = 2.0
STATEMENT_EVERY = 5.0
RISK_EVERY = 0.25
PROVE_EVERY = 10.0
VITALS_EVERY = 1.0
MARKOUTS_EVERY = 0.1
SNAPSHOT_EVERY = 5.0
RESERVE_AHEAD = 500
"""Outbound numbers reserved ahead of use; renewed when as many are left, twice as many at once."""
RECENT = 50_000
"""Entries kept at a start for sessions that were not told of them: a crash leaves a few, never this many."""
RETAIN_EVERY = 86_400.0
KILL_FLAG = "KILL"
STALLED = "the journal's disk does not answer"


class Daemon:
    """One running bridge. `start` raises StartFailed; `run` returns the exit code when it has drained."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.vitals = Vitals()
        self.notes = assembly.notes(settings)
        self._stopping = asyncio.Event()
        self._stop_reason = "stopped"
        self._exit_code = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._closers: list[tuple[str, Callable[[], Any]]] = []
        self._sender_limits: dict[str, int] = {}
        self._began_ns: dict[str, int] = {}  # session → when its numbers began
        self._recovered_ns = 0  # time of the newest entry found at the start
        self._recent: deque[Shown] = deque(maxlen=RECENT)
        self._recent_after = 0  # the entry before the oldest of them

    # --- start -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Everything up to open ports, in the order the module tells. On failure what was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self._close()
            raise

    async def _start(self) -> None:
        settings = self.settings
        self.journal = assembly.journal(settings, self.clock)
        self._closers.append(("journal", self.journal.close))
        self.journal.on_flush = self._flushed
        self.journal.on_failed(self._journal_failed)
        self._restore()
        self.instruments = assembly.instruments(settings)
        self.quotes = QuoteBook()
        self.market, self.push = assembly.market_data(settings, self.clock, self.instruments)
        self.adapters = assembly.brokers(settings, self.clock, self.instruments, self.quotes)
        self._build_engine()
        self._open_sessions()
        self._resume_sessions()
        faults.point("daemon.recovered")
        await self._connect()
        faults.point("daemon.connected")
        self.risk_desk.resume_kills()
        await self._risk_tick()
        self._self_test()
        await self._open_ports()
        self._watch()
        log.info("started", fix_port=self.acceptor.port, seq=self.journal.durable, epoch=self.journal.epoch)

    def _build_engine(self) -> None:
        settings = self.settings
        terms = assembly.session_terms(settings)
        self.desk = Desk(
            blotter=self.standing.blotter,
            quotes=self.quotes,
            instruments=self.instruments,
            adapters=self.adapters,
            accounts=assembly.accounts(settings, self.adapters),
            sessions=terms,
            opening_hours=assembly.opening_hours(settings, self.adapters),
        )
        self.chain: RiskChain = assembly.risk(settings, self.standing.portfolio)
        self.risk_watch = Watch(self.chain)
        self.stages = stages = Stages(self.vitals, time.perf_counter_ns)
        self.chain.time_rules(lambda rule, ns: self.vitals.rule(rule).duration.observe(ns), stages.perf_ns)
        self.fix = FixReports(terms, self._tell)
        self.router = Router(self.adapters, lambda said: self.engine.on_report(said), self.clock.utc_ns, stages=stages)
        self.orders = ControlOrders(self.clock, self.chain, self.settings.data_dir / "cancel_after.json")
        self.feed = PositionFeed(self.desk, self._answer)
        self.markouts = Markouts(self.quotes.quote, self.desk.quote_max_age_ns)
        self.engine = Engine(
            desk=self.desk,
            journal=self.journal,
            risk=stages.timed(self.chain),
            clock=self.clock,
            sinks=(self.router, self.fix, self.orders, self.feed, self.markouts),
            router=self.router,
            sink_failed=self._sink_failed,
            journal_failed=self._journal_failed,
            followers=(self.chain.portfolio,),
            stages=stages,
            due=self.risk_watch.due,
        )
        self.orders.attach(self.engine)
        self.reconciler = Reconciler(self.engine, self.adapters, self.clock, estimate=self.chain.estimate)
        self.risk_desk = RiskDesk(
            self.engine,
            self.chain,
            ChangeTerms(loosen_delay=assembly.loosen_delay(settings)),
            self.adapters,
            self.reconciler,
            self.clock,
        )

    def _open_sessions(self) -> None:
        settings, fix = self.settings, self.settings.listeners.fix
        self.wire = FileWireLog(settings.log_dir / "fix.log") if settings.log.fix_messages else None
        if self.wire is not None:
            self._closers.append(("FIX log", self.wire.close))

        def store(config: SessionConfig) -> Store:
            # a new session is told what happens from now on, not what happened before there was one
            kept = FileStore(settings.store_dir / config.name, self.clock.utc_ns(), self.journal.durable)
            self._began_ns[config.name] = kept.created_ns
            return kept if self.journal.mode == "write" else HeldStore(kept, self._when_durable)

        self.acceptor = Acceptor(
            [each.config(fix.comp_id) for each in settings.sessions],
            store,
            Gateway(self.engine, self._answer, self, self.feed, self.instruments, self.stages),
            self.clock,
            host=fix.host,
            port=fix.port,
            ssl=assembly.server_tls(fix.tls) if fix.tls is not None else None,
            admission=fix.admission(),
            wire=self.wire,
            next_target=self._next_inbound,
            on_read=self.stages.read,
        )

    def _when_durable(self, call: Callable[[], None]) -> None:
        self.engine.gate.when_durable(self.journal.next_seq - 1, call)

    def _next_inbound(self, session_id: str) -> int:
        """The journal's word on the next number of a session; none when the session was reset after its last entry."""
        if self._began_ns.get(session_id, 0) > self._recovered_ns:
            return 0
        return self.desk.blotter.next_inbound(session_id)

    def _restore(self) -> None:
        """The newest snapshot and the entries after it. The last entries stay at hand, each with the order after it:
        some session may not have been told of them.
        """
        began = time.monotonic()
        settings = self.settings
        terms = assembly.risk_terms(settings)
        command = [sys.executable, "-m", "bridge.standing"]
        every = settings.journal.snapshot_every
        self.snapshots = SnapshotBuilder(settings.journal_dir, every, command, msgspec.json.encode(terms))
        self._closers.append(("snapshots", self.snapshots.stop))
        with uncollected():
            self.standing = newest(settings.journal_dir, terms, self.journal.durable)
            thawed = self.standing.seq
            self._recent.clear()
            self._recent_after = thawed
            try:
                for entry in self.journal.read(thawed):
                    if len(self._recent) == RECENT:
                        self._recent_after = self._recent[0][0].seq
                    self._recent.append((entry, self.standing.apply(entry)))
            except JournalError as error:
                raise StartFailed(f"the journal cannot be folded: {error}") from error
        if self.journal.durable > 2:
            seconds = round(time.monotonic() - began, 3)
            log.info("recovered", snapshot=thawed, seq=self.journal.durable, seconds=seconds)

    def _resume_sessions(self) -> None:
        """Open the sessions' stores; what a store does not hold yet is numbered and stored for its next Logon."""
        blotter, moved = self.standing.blotter, self.standing.moved
        self._recovered_ns = int(moved.timestamp() * 1e9) if moved is not None else 0
        try:
            # after the fold, because the next inbound numbers are part of it
            self.acceptor.open()
        except StoreFailed as error:
            raise StartFailed(str(error)) from error
        if machine_stopped(self.journal.recovered, boot_id()):
            # what the stores hold may be older than what clients have seen: go on above everything reserved
            for name, limit in blotter.sender_limits.items():
                if name in self.acceptor.endpoints and limit > self.numbers(name)[0]:
                    self.acceptor.set_next(name, sender=limit)
                    log.warning("outbound numbers jump after a stop of the machine", session=name, next_out=limit)
        self._sender_limits = dict(blotter.sender_limits)
        self.fix.resume({name: self.acceptor.last_origin(name) for name in self.acceptor.endpoints})
        missing = self.fix.missing(blotter.told())
        if missing is not None:
            for entry, order in self._shown_after(missing):
                self.fix.on_entry(entry, order)
        self.fix.replaying = False
        self.router.cursor = self.journal.durable
        self._recent.clear()

    def _shown_after(self, seq: int) -> Iterator[Shown]:
        """The entries above `seq`, and perhaps some before, each with the order after it. From an older snapshot where
        `seq` is further back than what was just folded; of what retention has deleted nothing can be told any more.
        """
        if seq >= self._recent_after:
            yield from self._recent
            return
        log.warning("a session is far behind the journal", after=seq, seq=self.journal.durable)
        blotter = JournalSource(self.settings.journal_dir).fold(seq)
        for entry in self.journal.read(blotter.seq):
            yield entry, blotter.apply(entry)

    async def _connect(self) -> None:
        """Start prices and brokers, and compare with each broker before anybody may trade."""
        await self.market.start(self.quotes.publish)
        self._closers.append(("market data", self.market.stop))
        for name, adapter in self.adapters.items():
            if hasattr(adapter, "on_reconnected"):
                # it is not ready again before our book and the broker's have been compared (ADAPTERS A.5)
                adapter.on_reconnected = partial(self.reconciler.run, name, "reconnect")
            try:
                await adapter.start(self._heard)
            except BrokerUnreachable as error:
                log.error("broker not reached", broker=name, error=str(error))
            except Exception as error:
                raise StartFailed(f"broker {name}: {error}") from error
            self._closers.append((f"broker {name}", adapter.stop))
            try:
                await self.reconciler.run(name, "start")
            except BrokerUnreachable as error:
                log.error("broker not compared", broker=name, error=str(error))
        try:
            self.orders.resume()
        except (OSError, msgspec.DecodeError) as error:
            raise StartFailed(
                f"{self.settings.data_dir / 'cancel_after.json'}: armed cancel-afters cannot be read: {error}"
            ) from error

    async def _open_ports(self) -> None:
        settings = self.settings
        self.control = ControlServer(settings.control_socket)
        commands = EngineCommands(
            engine=self.engine,
            clock=self.clock,
            vitals=self.vitals,
            reconciler=self.reconciler,
            sessions=self,
            risk=self.risk_desk,
            orders=self.orders,
            instruments=self.instruments,
            push=self.push.push if self.push is not None else None,
            stop=self.stop,
            name=settings.name,
            mode="live" if settings.live else "paper",
            version=version("fixbridge"),
            paper=PaperDesk(self.engine, self.adapters, self.reconciler),
            configuration=json.loads(settings.dump()),
        )
        offer(self.control, commands)
        try:
            await self.control.serve()
        except OSError as error:
            raise StartFailed(f"control socket {settings.control_socket}: {error.strerror or error}") from error
        self._closers.append(("control socket", self.control.close))
        fix = settings.listeners.fix
        try:
            await self.acceptor.start()
        except OSError as error:
            raise StartFailed(assembly.cannot_listen(fix.host, fix.port, error)) from error
        self._closers.append(("FIX sessions", self._log_out))
        self.outputs, self.watching = await assembly.outputs(settings, self.journal.head)
        if self.outputs is not None:
            self._closers.append(("outputs", self.outputs.stop))

    async def _log_out(self) -> None:
        await self.acceptor.stop(self._stop_reason, self.settings.drain_seconds)

    def _watch(self) -> None:
        self.pulse = Pulse(self.vitals.loop_lag, self.vitals.gc_pause)
        self.pulse.start()
        self._closers.append(("pulse", self.pulse.stop))
        self.vitals.gauges = Gauges(
            desk=self.desk,
            journal=self.journal,
            acceptor=self.acceptor,
            adapters=self.adapters,
            reconciler=self.reconciler,
            chain=self.chain,
            clock=self.clock,
            directory=self.settings.journal_dir,
        )
        self._every(VITALS_EVERY, self._tell_vitals)
        self._every(MARKOUTS_EVERY, self._take_markouts)
        self._every(SNAPSHOT_EVERY, self._snapshot)
        self._every(RETAIN_EVERY, self._retain, at_once=True)
        self._every(STATEMENT_EVERY, self._statements, at_once=True)
        self._every(RISK_EVERY, self._risk_tick)
        self._every(PROVE_EVERY, self._prove_sums)
        self._every(RECONCILE_EVERY, self._reconcile)
        self._every(SETTLE_EVERY, self.reconciler.settle_unknown)

    def _every(self, seconds: float, work: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
        async def repeat() -> None:
            if not at_once:
                await asyncio.sleep(seconds)
            while True:
                try:
                    await work()
                except asyncio.CancelledError:
                    raise
                except JournalError:
                    return
                except Exception:
                    log.exception("timer failed", timer=getattr(work, "__name__", str(work)))
                await asyncio.sleep(seconds)

        self._tasks.append(asyncio.create_task(repeat()))

    # --- while it runs -----------------------------------------------------------------------------------------------

    def _tell(self, session_id: str, message: Message | Sparse, origin: int, poss_resend: bool) -> None:
        if faults.armed:
            faults.point("fix.encoded")
        number = self.acceptor.send(session_id, message, origin=origin, poss_resend=poss_resend)
        if number + RESERVE_AHEAD >= self._sender_limits.get(session_id, 0):
            self._reserve(session_id, number)
        if faults.armed:
            faults.point("fix.stored")

    def _reserve(self, session_id: str, number: int) -> None:
        """Reserve outbound numbers ahead, so that after a stop of the machine none is used twice (DURABILITY A.5)."""
        limit = self._sender_limits[session_id] = number + 2 * RESERVE_AHEAD
        self.engine.record(Reserved(seq_limit=self.journal.seq_limit, sender_limits={session_id: limit}))

    def _heard(self, report: Report) -> None:
        if faults.armed:
            faults.point("report.read")
        self.engine.on_report(report)

    def _answer(self, session_id: str, message: Message) -> None:
        self.acceptor.send(session_id, message)

    def logged_on(self, session_id: str) -> None:
        """gateway.Watcher."""
        log.info("logged on", session=session_id)

    def logged_out(self, session_id: str, reason: str, clean: bool) -> None:
        """gateway.Watcher."""
        log.info("logged out", session=session_id, reason=reason, clean=clean)

    def refused(self, session_id: str, reason: str, text: str) -> None:
        """gateway.Watcher."""
        self.vitals.session(session_id).rejected(reason, text)
        log.warning("message refused", session=session_id, reason=reason, text=text)

    def disconnect(self, session_id: str, reason: str) -> None:
        """commands.Sessions."""
        self.acceptor.disconnect(session_id, reason)

    def reset(self, session_id: str) -> None:
        """commands.Sessions."""
        self.acceptor.reset(session_id)

    def set_next(self, session_id: str, sender: int | None = None, target: int | None = None) -> None:
        """commands.Sessions."""
        self.acceptor.set_next(session_id, sender, target)

    def enable(self, session_id: str) -> None:
        """commands.Sessions."""
        self.acceptor.enable(session_id)

    def disable(self, session_id: str, reason: str = "") -> None:
        """commands.Sessions."""
        self.acceptor.disable(session_id, reason)

    def numbers(self, session_id: str) -> tuple[int, int]:
        """commands.Sessions."""
        status = self.acceptor.endpoints[session_id].status()
        return status.next_sender, status.next_target

    def _flushed(self, seconds: float, entries: int) -> None:
        self.vitals.journal_flush.observe(int(seconds * 1e9))
        self.vitals.journal_batch.observe(entries)

    def _sink_failed(self, sink: EventSink, entry: Entry, error: Exception) -> None:
        log.error("sink failed", sink=sink.name, seq=entry.seq, exc_info=error)

    def _journal_failed(self, reason: str) -> None:
        """Rule 7: a failed flush is final. Cancels have gone out where they could; the process ends non-zero."""
        log.critical("journal failed, stopping", reason=reason)
        self._exit_code = 1
        self.stop("the journal has failed")

    async def _take_markouts(self) -> None:
        """The mids that are due after fills, each fill's once they are complete."""
        taken = self.markouts.due(self.clock.utc_ns())
        if taken:
            self.engine.record(*taken)

    async def _tell_vitals(self) -> None:
        self.feed.tick()
        self._stall()
        self.engine.refresh()
        if self.control.subscribers("vitals"):
            self.control.publish("vitals", self.vitals.snapshot(self.clock.utc_ns()))

    def _stall(self) -> None:
        """A flush that hangs stops new orders until it returns; what waits is told then (DURABILITY section A.4)."""
        stalled = self.journal.flush_age > self.settings.journal.stall_limit_seconds
        if stalled and self.desk.unavailable is None:
            self.desk.unavailable = STALLED
            log.error("the disk does not answer, new orders are refused", seconds=round(self.journal.flush_age, 1))
        elif not stalled and self.desk.unavailable == STALLED:
            self.desk.unavailable = None
            log.warning("the disk answers again")

    async def _statements(self) -> None:
        for name, adapter in self.adapters.items():
            if adapter.unready is not None:
                continue
            try:
                accounts, positions = await adapter.accounts(), await adapter.positions()
            except BrokerUnreachable as error:
                log.warning("no account statement", broker=name, error=str(error))
                continue
            self.engine.refresh()
            for statement in accounts:
                self.desk.state_account(statement)
            self.desk.state_positions(positions)

    def _self_test(self) -> None:
        """One synthetic order at each risk rule; an account on which a rule stays silent may only cancel."""
        brokers = {name: terms.broker for name, terms in self.desk.accounts.items()}
        said, halts = self.risk_watch.self_test(brokers, self.clock.utc_ns())
        if halts:
            log.critical(
                "risk self-test failed", silent=[f"{each.rule} {each.name}" for each in said if not each.fired]
            )
            self.engine.record(*halts)

    async def _prove_sums(self) -> None:
        """Reservations are the sum of working orders, or nothing may be opened."""
        halts = self.risk_watch.prove(self.desk.blotter.open_orders())
        if halts:
            log.critical("risk sums are wrong", reason=halts)
            self.engine.record(*halts)

    async def _risk_tick(self) -> None:
        """Trading days that begin, losses that latch; and marks kept fresh, so that orders need not wait for them."""
        self.engine.refresh()
        decisions = self.risk_watch.tick(self.desk, self.desk.accounts)
        if decisions.events:
            self.engine.record(*decisions.events)
        for account in decisions.flatten:
            self.risk_desk.flatten(account)
        self._kill_flag()
        self.risk_desk.tick()
        self.vitals.kill_incomplete = self.risk_desk.incomplete

    def _kill_flag(self) -> None:
        """A file named KILL in the data directory kills everything, while nothing is killed already; its text is the
        reason. Removing it changes nothing: a person resumes.
        """
        flag = self.settings.data_dir / KILL_FLAG
        if not flag.exists() or self._killed_globally():
            return
        try:
            reason = flag.read_text(errors="replace").strip()[:200]
        except OSError as error:
            reason = str(error)
        self.kill(reason or "no reason given", f"file {KILL_FLAG}")

    def _killed_globally(self) -> bool:
        halt = self.desk.blotter.states().get((Scope.GLOBAL, ""))
        return halt is not None and halt.kill_epoch > 0

    def kill(self, reason: str, who: str) -> None:
        """Kill everything, whatever else is broken."""
        try:
            self.risk_desk.kill(Scope.GLOBAL, "", reason, who, flatten=False)
        except JournalError as error:
            log.critical("killed without a record", reason=str(error))

    async def _snapshot(self) -> None:
        """Let a child process fold a snapshot when enough has been flushed since the last one."""
        told = self.snapshots.tick(self.journal.flushed)
        if told is not None:
            log.info("snapshot", text=told)

    async def _retain(self) -> None:
        """Delete segments that are old and that no start needs any more."""
        days = self.settings.journal.keep_days
        now = utc(self.clock.utc_ns())
        deleted = await asyncio.to_thread(retain, self.settings.journal_dir, keep_days=days, now=now)
        if deleted:
            log.info("segments deleted", count=len(deleted), newest=deleted[-1], keep_days=days)

    async def _reconcile(self) -> None:
        compared = True
        for name in self.adapters:
            try:
                await self.reconciler.run(name, "timer")
            except BrokerUnreachable as error:
                compared = False
                log.warning("broker does not answer", broker=name, error=str(error))
        if compared:
            self._roll_day()

    def _roll_day(self) -> None:
        """A new day: what ended long ago is forgotten. Only with every broker compared, because executions of before
        the oldest day kept are asked for no more.
        """
        today = utc(self.clock.utc_ns()).date()
        if today.toordinal() > self.desk.blotter.day:
            self.engine.record(DayRolled(day=today, keep_days=self.settings.journal.remember_days))

    # --- stop --------------------------------------------------------------------------------------------------------

    def stop(self, reason: str) -> None:
        """Begin to drain: no new orders from now on."""
        if not self._stopping.is_set():
            self._stop_reason = reason
            self.vitals.draining = True
            if self.desk.unavailable is None:
                self.desk.unavailable = f"draining: {reason}"
            self._stopping.set()

    async def run(self) -> int:
        """Wait for `stop`, drain, and return the exit code."""
        await self._stopping.wait()
        log.info("draining", reason=self._stop_reason)
        await self._close()
        log.info("stopped", exit_code=self._exit_code)
        return self._exit_code

    async def _close(self) -> None:
        """Close what was opened, newest first; one that fails does not keep the others open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        while self._closers:
            what, close = self._closers.pop()
            try:
                result = close()
                if asyncio.iscoroutine(result):
                    await result
            except Exception as error:  # noqa: BLE001 - it is told, and the rest must be closed
                self._exit_code = self._exit_code or 1
                log.error("not closed cleanly", what=what, error=str(error))


async def run(settings: Settings, announce: Callable[[Daemon], None]) -> int:
    """Start, announce, and run until SIGTERM or Ctrl-C; the exit code. A second Ctrl-C ends at once.

    Raises StartFailed with one clear sentence when it cannot start.
    """
    daemon = Daemon(settings)
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        if daemon.vitals.draining:
            os._exit(130)
        daemon.stop(f"{name} received")

    await daemon.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    loop.add_signal_handler(signal.SIGUSR1, lambda: daemon.kill("SIGUSR1 received", "signal"))
    announce(daemon)
    return await daemon.run()
