"""The operators' side of paper accounts: what the paper broker holds, and beginning anew.

A reset happens at the broker first: orders cancelled, positions dropped, new cash. Our book then takes over that there
are none (PositionAdopted), with who asked and why: no execution is invented, and nothing that was recorded is undone.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import structlog

from bridge.brokers.paper.broker import PaperBroker
from bridge.control_answers import PaperAccount, PaperHolding
from bridge.engine import Engine
from bridge.interfaces import BrokerAdapter, BrokerUnreachable
from bridge.problems import refuse
from bridge.reconcile import adopt_positions
from bridge.reconciler import Reconciler

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
            self._engine.record(
                *adopt_positions(
                    self._desk, terms.broker, [], [account], who=who, reason=f"paper account reset: {reason}"
                )
            )
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
