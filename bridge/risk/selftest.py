"""The start-up self-test: one synthetic order at each rule, through the real checks with the limits in force.

Nothing leaves: the scene has a portfolio, a market and an adapter of its own, and borrows only checks and limits. An
account on which a rule does not fire stays CANCEL_ONLY, because nobody knows why. Source: RISK-TCA section 3.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec

from bridge.orders.events import Entry, OrderCanceled, OrderFilled, OrderRejected, Scope, TradingHalted, TradingState
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode
from bridge.risk.chain import Outcome, RiskChain, Rule, Verdict
from bridge.risk.limits import LimitMode
from bridge.risk.portfolio import terms
from bridge.risk.scene import PRICE, PROBE, Scene
from bridge.risk.times import EPOCH
from fixspec.enums import OrdRejReason, Side

HUNDRED = Decimal(100)
LARGE = Decimal(10) ** 12
OFTEN = 10_000  # a count that needs more repetitions than this is not tried out: a start takes no minutes


class Fired(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one rule said to the order made for it. `fired` is True also where the rule is off by name."""

    rule: str
    name: str
    fired: bool
    outcome: Outcome
    text: str | None = None


def self_test(chain: RiskChain, account: str, broker: str, now_ns: int) -> list[Fired]:
    """Every rule of the chain, on one account at one broker. A rule of one's own takes part when it has a method
    `probe(scene) -> Order` that makes an order it must refuse.
    """
    results = [_fire(chain, check, account, broker, now_ns) for check in chain.checks]
    for rule, loop in (("R06", _collar_failures), ("R19", _repeated_fills), ("R20", _runaway_loop)):
        results.append(_trigger(chain, rule, loop, account, broker, now_ns))
    return results


def halt_for(account: str, results: list[Fired]) -> TradingHalted | None:
    """The halt of an account on which something did not fire, None when all did."""
    silent = [f"{result.rule} {result.name}" for result in results if not result.fired]
    if not silent:
        return None
    return TradingHalted(
        scope=Scope.ACCOUNT,
        name=account,
        state=TradingState.CANCEL_ONLY,
        who="self-test",
        reason=f"these rules did not fire: {', '.join(silent)}",
    )


def _fire(chain: RiskChain, check: Rule, account: str, broker: str, now_ns: int) -> Fired:
    name = type(check).__name__
    own = getattr(check, "probe", None)
    probe: Callable[[Scene], Order | None] | None = own if own is not None else PROBES.get(name)
    if probe is None:
        return Fired(check.rule, name, True, Outcome.SKIP, "has no probe of its own")
    scene = Scene(chain.portfolio.limits, account, broker, now_ns)
    order = probe(scene)
    if order is None:
        return Fired(check.rule, name, True, Outcome.OFF)
    verdict = next(
        said
        for said, each in zip(RiskChain(chain.checks, scene.portfolio).explain(order, scene), chain.checks, strict=True)
        if each is check
    )
    return Fired(check.rule, name, _fired(verdict, check, scene, own is not None), verdict.outcome, verdict.text)


def _fired(verdict: Verdict, check: Rule, scene: Scene, own: bool) -> bool:
    if own:
        return verdict.outcome in (Outcome.REFUSE, Outcome.WARN)
    return verdict.outcome is Outcome.REFUSE or (verdict.outcome is Outcome.WARN and scene.warns)


def _trigger(
    chain: RiskChain, rule: str, loop: Callable[[Scene], None], account: str, broker: str, now_ns: int
) -> Fired:
    scene = Scene(chain.portfolio.limits, account, broker, now_ns)
    bound = scene.bound(rule)
    if bound is None or scene.warns:
        return Fired(rule, loop.__name__.strip("_"), True, Outcome.OFF)
    if bound.block > OFTEN:
        text = f"limit {bound.block:f} is too high to be tried out"
        return Fired(rule, loop.__name__.strip("_"), True, Outcome.SKIP, text)
    loop(scene)
    halts = [halt for halt in scene.portfolio.triggers.due.values() if halt.who == rule]
    outcome = Outcome.REFUSE if halts else Outcome.PASS
    return Fired(rule, loop.__name__.strip("_"), bool(halts), outcome, halts[0].reason if halts else None)


# --- one order per rule: each breaks its rule, whatever the others say ------------------------------------------------


def _validation(scene: Scene) -> Order:
    return scene.order(price=PRICE + Decimal("0.001"))


def _allow_list(scene: Scene) -> Order | None:
    names = scene.table().names
    if not names:
        return None
    denied = names.get("R23.deny")
    if denied is not None:
        scene.warns = denied.mode is LimitMode.WARN
        return scene.order(symbol=min(denied.names, default=PROBE))
    word, listed = next(iter(names.items()))
    scene.warns = listed.mode is LimitMode.WARN
    if word == "R23.allow":
        return scene.order()
    return scene.outside(word, listed.names)


def _max_qty(scene: Scene) -> Order | None:
    bound = scene.bound("R02")
    return scene.order(qty=bound.warn * 2 + 1 if scene.warns else bound.block * 2 + 1) if bound is not None else None


def _max_value(scene: Scene) -> Order | None:
    bound = scene.bound("R03")
    return scene.order(qty=scene.worth(bound)) if bound is not None else None


def _collar(scene: Scene) -> Order | None:
    bound = scene.bound("R04")
    return scene.order(price=scene.off(1 + 2 * scene.level(bound))) if bound is not None else None


def _passive_collar(scene: Scene) -> Order | None:
    bound = scene.bound("R05")
    return scene.order(Side.SELL, price=scene.off(1 + 2 * scene.level(bound))) if bound is not None else None


def _duplicate(scene: Scene) -> Order:
    scene.used = True
    return scene.order()


def _look_alike(scene: Scene) -> Order | None:
    if scene.bound("R08") is None:
        return None
    order = scene.order()
    scene.portfolio.lookalikes.add(terms(order), scene.now_ns)
    return order


def _max_position(scene: Scene) -> Order | None:
    bound = scene.bound("R09")
    return scene.order(qty=scene.worth(bound)) if bound is not None else None


def _cross_zero(scene: Scene) -> Order | None:
    if scene.bound("R09.cross") is None:
        return None
    scene.hold(Decimal(1))
    return scene.order(Side.SELL, qty=Decimal(2))


def _buying_power(scene: Scene) -> Order | None:
    if scene.bound("R10") is None:
        return None
    scene.tell(equity=ZERO)
    return scene.order()


def _daily_loss(scene: Scene) -> Order | None:
    if scene.bound("R11") is None and scene.bound("R11.amount") is None:
        return None
    scene.open_day(LARGE)
    scene.tell(equity=ZERO)
    return scene.order()


def _drawdown(scene: Scene) -> Order | None:
    if scene.bound("R12") is None:
        return None
    scene.open_day(LARGE)
    scene.tell(equity=ZERO)
    return scene.order()


def _of_equity(rule: str) -> Callable[[Scene], Order | None]:
    def probe(scene: Scene) -> Order | None:
        bound = scene.bound(rule)
        if bound is None:
            return None
        scene.tell(equity=LARGE)
        return scene.order(qty=scene.worth(bound, LARGE))

    return probe


def _open_orders(scene: Scene) -> Order | None:
    bound = scene.bound("R17")
    if bound is None:
        return None
    scene.book.working = int(scene.level(bound)) + 1
    return scene.order()


def _rate(scene: Scene) -> Order | None:
    if scene.bound("R18") is None:
        return None
    order = scene.order()
    for _ in range(int(scene.table().number("R18.burst")) + 1):
        scene.portfolio.on_entry(scene.entry(scene.received(order)), None, None)
    return order


def _order_to_trade(scene: Scene) -> Order | None:
    bound = scene.bound("R21")
    if bound is None:
        return None
    scene.book.day.messages = int(scene.level(bound) + scene.table().number("R21.after")) + 1
    return scene.order()


def _turnover(scene: Scene) -> Order | None:
    bound = scene.bound("R22")
    if bound is None:
        return None
    scene.book.day.turnover = scene.level(bound)
    return scene.order()


def _short_marking(scene: Scene) -> Order | None:
    return scene.order(Side.SELL) if scene.bound("R24") is not None else None


def _self_match(scene: Scene) -> Order | None:
    if scene.bound("R25") is None:
        return None
    scene.hold(ZERO).offers.append(PRICE)
    return scene.order()


def _stale(scene: Scene) -> Order | None:
    bound = scene.bound("R26")
    if bound is None:
        return None
    age = timedelta(seconds=float(scene.level(bound)) * 2 + 1)
    return scene.order(transact_time=EPOCH + timedelta(microseconds=scene.now_ns // 1000) - age)


def _states(scene: Scene) -> Order:
    halt = TradingHalted(scope=Scope.ACCOUNT, name=scene.account_name, who="self-test", reason="probe")
    scene.portfolio.on_entry(scene.entry(halt), None, None)
    return scene.order()


def _day_trades(scene: Scene) -> Order | None:
    bound = scene.bound("R28")
    if bound is None:
        return None
    scene.tell(equity=Decimal(1))
    scene.hold(Decimal(1)).opened_today = True
    scene.book.day_trades = int(scene.level(bound)) + 1
    return scene.order(Side.SELL, qty=Decimal(1))


def _health(scene: Scene) -> Order:
    scene.venue.unready = "self-test"
    return scene.order()


def _fat_finger(scene: Scene) -> Order | None:
    bound = scene.bound("R30")
    if bound is None:
        return None
    for _ in range(100):
        scene.sizes.add(Decimal(1))
    return scene.order(qty=scene.level(bound) * 2 + 1)


PROBES: dict[str, Callable[[Scene], Order | None]] = {
    "Validation": _validation,
    "AllowList": _allow_list,
    "MaxOrderQty": _max_qty,
    "MaxOrderValue": _max_value,
    "PriceCollar": _collar,
    "PassiveCollar": _passive_collar,
    "DuplicateClOrdID": _duplicate,
    "LookAlike": _look_alike,
    "MaxPosition": _max_position,
    "CrossZero": _cross_zero,
    "BuyingPower": _buying_power,
    "DailyLoss": _daily_loss,
    "Drawdown": _drawdown,
    "Concentration": _of_equity("R13"),
    "SectorExposure": _of_equity("R14"),
    "NetExposure": _of_equity("R15"),
    "GrossExposure": _of_equity("R16"),
    "OpenOrders": _open_orders,
    "MessageRate": _rate,
    "OrderToTrade": _order_to_trade,
    "Turnover": _turnover,
    "ShortMarking": _short_marking,
    "SelfMatch": _self_match,
    "StaleOrder": _stale,
    "TradingStates": _states,
    "DayTrades": _day_trades,
    "BrokerHealth": _health,
    "FatFinger": _fat_finger,
}


# --- the automatic rules: enough of the same, at once -----------------------------------------------------------------


def _often(scene: Scene, rule: str, tell: Callable[[Order, int], None]) -> None:
    bound = scene.bound(rule)
    assert bound is not None
    order = scene.order()
    for number in range(int(bound.block) + 1):
        tell(order, number)


def _collar_failures(scene: Scene) -> None:
    def tell(order: Order, number: int) -> None:
        event = OrderRejected(
            order_id=order.order_id,
            code=ReasonCode.PRICE_COLLAR.value,
            ord_rej_reason=OrdRejReason.OTHER,
            text="probe",
            rule="R04",
        )
        scene.portfolio.triggers.on_entry(scene.entry(event), order, order, scene.now_ns)

    _often(scene, "R06", tell)


def _repeated_fills(scene: Scene) -> None:
    def tell(order: Order, number: int) -> None:
        event = OrderFilled(
            order_id=order.order_id,
            exec_id=f"T{number}",
            broker_exec_id=f"T{number}",
            last_qty=Decimal(1),
            last_px=PRICE,
            transact_time=order.transact_time,
        )
        scene.portfolio.triggers.on_entry(scene.entry(event), order, order, scene.now_ns)

    _often(scene, "R19", tell)


def _runaway_loop(scene: Scene) -> None:
    def tell(order: Order, number: int) -> None:
        scene.portfolio.triggers.on_entry(
            scene.entry(OrderCanceled(order_id=order.order_id)), order, order, scene.now_ns
        )

    _often(scene, "R20", tell)


__all__ = ["Entry", "Fired", "halt_for", "self_test"]
