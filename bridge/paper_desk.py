"""The operators' side of paper accounts: what the paper broker holds, and beginning anew.

A reset happens at the broker first: orders cancelled, positions dropped, new cash. Our book then takes the positions
out by closing trades of orders that nobody here sent (`external`), at the price of the moment: every fold of the
journal understands those, and nothing that was ever recorded is taken back.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import structlog

from bridge.brokers.paper.broker import PaperBroker
from bridge.control_answers import PaperAccount, PaperHolding
from bridge.engine import Engine
from bridge.interfaces import BrokerAdapter, BrokerUnreachable, Position
from bridge.orders.reports import BrokerOrder, Executed
from bridge.outputs.answers import mark_of
from bridge.problems import refuse
from bridge.reconciler import Reconciler
from fixspec.enums import OrdType, Side

log = structlog.get_logger("bridge.paper")

PAUSE = 0.01
SETTLE = 5.0
"""Seconds that reports already under way (latency is modelled) have to arrive before a reset is given up."""


class PaperDesk:
    """One per engine. Every method is for the control socket and refuses as a Problem."""

    def __init__(self, engine: Engine, adapters: Mapping[str, BrokerAdapter], reconciler: Reconciler) -> None:
        self._engine = engine
        self._desk = engine.desk
        self._papers = {name: each for name, each in adapters.items() if isinstance(each, PaperBroker)}
        self._reconciler = reconciler

    async def accounts(self) -> tuple[PaperAccount, ...]:
        """Every account at a paper broker, marked at the market now."""
        told: list[PaperAccount] = []
        for name, paper in self._papers.items():
            try:
                stated, held = await paper.accounts(), await paper.positions()
            except BrokerUnreachable as error:
                raise refuse("unavailable", f"{name} does not answer: {error}") from error
            for each in stated:
                mine = [position for position in held if position.account == each.account]
                told.append(
                    PaperAccount(
                        account=each.account,
                        broker=name,
                        currency=each.currency,
                        cash=each.cash,
                        equity=each.equity,
                        buying_power=each.buying_power,
                        open_orders=self._desk.open_count(each.account),
                        positions=tuple(PaperHolding(p.symbol, p.qty, p.avg_px, p.mark) for p in mine),
                    )
                )
        return tuple(told)

    async def reset(self, account: str, cash: Decimal, reason: str, who: str) -> PaperAccount:
        """Cancel the account's orders, drop its positions, give it this cash, and make our book say the same."""
        terms = self._desk.accounts.get(account)
        if terms is None:
            raise refuse("not-found", f"no account {account}")
        paper = self._papers.get(terms.broker)
        if paper is None:
            raise refuse("conflict", f"{account} is at {terms.broker}, which is no paper broker: it cannot be reset")
        if not cash.is_finite() or cash < 0:
            raise refuse("malformed", f"cash {cash} is no amount")
        try:
            paper.reset(account, cash)
            await self._settled(account)
            held = [each for each in await paper.positions() if each.account == account and each.qty]
            if held or self._desk.open_count(account):
                raise refuse("conflict", f"{account} traded while it was reset: halt the account, then reset it again")
            for position in list(self._desk.positions(account)):  # nothing awaited from here on: one turn of the loop
                if position.qty:
                    self._close(terms.broker, position)
            for statement in await paper.accounts():
                self._desk.state_account(statement)
            await self._reconciler.run(terms.broker, "paper reset")
        except BrokerUnreachable as error:
            raise refuse("unavailable", f"{terms.broker} does not answer: {error}") from error
        log.warning("paper account reset", account=account, cash=f"{cash:f}", who=who, reason=reason)
        return next(each for each in await self.accounts() if each.account == account)

    async def _settled(self, account: str) -> None:
        """Wait until every order of the account has ended for us too: then every fill of it has been told."""
        for _ in range(round(SETTLE / PAUSE)):
            if not self._desk.open_count(account):
                return
            await asyncio.sleep(PAUSE)

    def _close(self, broker: str, position: Position) -> None:
        """One closing trade that the broker never saw, for it has dropped the position."""
        name = f"RESET-{position.account}-{position.symbol}-{self._desk.next_seq}"
        side = Side.SELL if position.qty > 0 else Side.BUY
        qty, px = abs(position.qty), mark_of(self._desk, position)
        order = BrokerOrder(
            broker_client_id=None,
            broker_order_id=name,
            account=position.account,
            symbol=position.symbol,
            side=side,
            ord_type=OrdType.MARKET,
            order_qty=qty,
        )
        self._reconciler.adopt(broker, order)
        self._engine.on_report(
            Executed(
                broker=broker,
                broker_order_id=name,
                broker_exec_id=name,
                symbol=position.symbol,
                side=side,
                account=position.account,
                last_qty=qty,
                last_px=px,
            )
        )
