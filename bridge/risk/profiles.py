"""Every parameter a limit can be set for, with the built-in values that hold until somebody says otherwise.

A profile is a complete set: *blank is never unlimited*. `starter` suits a first day with real money, `professional` a
desk, `none` switches every limit off and must be asked for by name. Fractions are of 1 (0.05 = 5 %), money is in the
account's base currency, times are seconds. Source: RISK-TCA section 3.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from bridge.orders.market import AssetClass


class Unit(Enum):
    """What a parameter's number means."""

    QTY = "qty"
    BASE = "base"  # the account's base currency
    FRACTION = "fraction"
    SECONDS = "seconds"
    COUNT = "count"
    TICKS = "ticks"
    SWITCH = "switch"  # 1; only the mode matters
    NAMES = "names"  # a set of words, separated by commas


class Strictest(Enum):
    """Which of two values is the tighter one."""

    SMALLEST = "smallest"
    LARGEST = "largest"
    COMMON = "common"  # names in both sets: allow lists
    ALL = "all"  # names in either set: restricted lists


class Parameter(msgspec.Struct, frozen=True):
    """One number a rule uses. `name` is the rule's id, or `R18.burst` for a second number of the same rule.

    `starter` and `professional` are written as limits are written everywhere: `"25000"`, `"0.5 warn"`, `"off"`.
    `classes` replaces the starter and professional number for some asset classes. `follows` names the parameter whose
    explicit value also sets this one.
    """

    name: str
    unit: Unit
    starter: str
    professional: str
    text: str
    strictest: Strictest = Strictest.SMALLEST
    classes: Mapping[AssetClass, tuple[str, str]] = {}
    follows: str | None = None
    aside: bool = False  # a window or a rate: no limit by itself, so the profile `none` keeps it

    @property
    def rule(self) -> str:
        """RiskRuleId(5701) this belongs to."""
        return self.name.partition(".")[0]


FUTURE, OPTION, FX, CRYPTO = AssetClass.FUTURE, AssetClass.OPTION, AssetClass.FX, AssetClass.CRYPTO
QTY, BASE, FRACTION, SECONDS = Unit.QTY, Unit.BASE, Unit.FRACTION, Unit.SECONDS
COUNT, TICKS, SWITCH, NAMES = Unit.COUNT, Unit.TICKS, Unit.SWITCH, Unit.NAMES
LARGEST, COMMON, ALL = Strictest.LARGEST, Strictest.COMMON, Strictest.ALL


def same(value: str) -> tuple[str, str]:
    """The same value in both profiles."""
    return value, value


PARAMETERS: tuple[Parameter, ...] = (
    # what a price must be like before anything may be computed from it (section 1)
    Parameter(
        "PX.quote_age",
        SECONDS,
        "5",
        "5",
        "oldest quote that still counts",
        classes={FX: same("2"), CRYPTO: same("2")},
        aside=True,
    ),
    Parameter("PX.trade_age", SECONDS, "60", "60", "oldest printed trade that still counts", aside=True),
    Parameter("PX.mark_age", SECONDS, "60", "60", "oldest broker mark that still counts", aside=True),
    Parameter(
        "PX.spread", FRACTION, "0.05", "0.05", "widest quote, of its mid, that still has a meaningful mid", aside=True
    ),
    Parameter(
        "PX.buffer",
        FRACTION,
        "0.02",
        "0.02",
        "what a market order may cost beyond the touch",
        LARGEST,
        classes={FX: same("0.005"), CRYPTO: same("0.03")},
        aside=True,
    ),
    Parameter("PX.equity_age", SECONDS, "60", "60", "oldest account statement that still counts", aside=True),
    Parameter(
        "PX.equity_floor", BASE, "1000", "1000", "equity below this counts as this in ratios", LARGEST, aside=True
    ),
    # the controls of section 3
    Parameter("R01", SWITCH, "1", "1", "pre-trade validation"),
    Parameter(
        "R02",
        QTY,
        "10000",
        "100000",
        "largest OrderQty(38)",
        classes={FUTURE: ("10", "200"), OPTION: ("10", "500"), FX: ("100000", "10000000")},
    ),
    Parameter("R02.adv", FRACTION, "0.01", "0.05", "largest part of the 20-day average volume, where that is known"),
    Parameter("R03", BASE, "25000", "1000000", "largest order value"),
    Parameter(
        "R04",
        FRACTION,
        "0.05",
        "0.05",
        "how far a limit may be on the aggressive side of the reference price",
        classes={FUTURE: same("0.02"), FX: same("0.01")},
    ),
    Parameter(
        "R04.below_25",
        FRACTION,
        "0.10",
        "0.10",
        "the same for prices from 1 to 25",
        follows="R04",
        classes={FUTURE: same("0.02"), FX: same("0.01"), CRYPTO: same("0.05")},
    ),
    Parameter(
        "R04.below_1",
        FRACTION,
        "0.25",
        "0.25",
        "the same for prices below 1",
        follows="R04",
        classes={FUTURE: same("0.02"), FX: same("0.01"), CRYPTO: same("0.05")},
    ),
    Parameter(
        "R04.ticks", TICKS, "0", "0", "a collar is never narrower than this", classes={FUTURE: same("20")}, aside=True
    ),
    Parameter("R04.stop", COUNT, "3", "3", "a trigger may be this many collars away", aside=True),
    Parameter("R05", FRACTION, "0.5 warn", "0.5 warn", "how far a limit may be on the passive side"),
    Parameter("R06", COUNT, "5", "10", "collar refusals of a strategy or symbol before it is disabled"),
    Parameter("R06.window", SECONDS, "60", "60", "in this time", LARGEST, aside=True),
    Parameter("R07", SWITCH, "1", "1", "a ClOrdID(11) is used once"),
    Parameter("R08", SECONDS, "0.5", "0.05", "time in which the same order twice is a mistake", LARGEST),
    Parameter("R08.poss_resend", SECONDS, "300", "300", "the same for PossResend(97)=Y", LARGEST),
    Parameter("R09", BASE, "50000", "5000000", "largest worst-case position value of one symbol"),
    Parameter("R09.long", QTY, "off", "off", "largest worst-case long position"),
    Parameter("R09.short", QTY, "off", "off", "largest worst-case short position"),
    Parameter("R09.cross", SWITCH, "1", "1 warn", "one order may not both close a position and open the opposite"),
    Parameter("R10", FRACTION, "0.02", "0.01", "part of buying power that is kept back", LARGEST),
    Parameter(
        "R10.long_rate",
        FRACTION,
        "0.5",
        "0.5",
        "initial margin of a long position, margin accounts",
        LARGEST,
        aside=True,
    ),
    Parameter(
        "R10.short_rate",
        FRACTION,
        "0.5",
        "0.5",
        "initial margin of a short position beyond proceeds",
        LARGEST,
        aside=True,
    ),
    Parameter(
        "R10.margin",
        BASE,
        "off",
        "off",
        "initial margin of one contract; without it the full value",
        LARGEST,
        aside=True,
    ),
    Parameter(
        "R10.fees", FRACTION, "0.001", "0.001", "fees expected, of order value, in cash accounts", LARGEST, aside=True
    ),
    Parameter("R11", FRACTION, "0.02 block 0.5", "0.05 block 0.5", "largest loss of the day, of its opening equity"),
    Parameter("R11.amount", BASE, "off", "off", "largest loss of the day"),
    Parameter("R11.flatten", SWITCH, "off", "off", "a breach also closes positions, not only reduce-only"),
    Parameter("R12", BASE, "off", "off", "largest fall from the day's highest equity"),
    Parameter("R13", FRACTION, "0.20", "0.50", "largest part of equity in one symbol"),
    Parameter("R14", FRACTION, "0.40", "1.0", "largest part of equity in one sector"),
    Parameter("R14.unclassified", FRACTION, "0.20", "0.50", "largest part of equity in instruments without a sector"),
    Parameter("R15", FRACTION, "1.0", "2.0", "largest net exposure, of equity"),
    Parameter("R16", FRACTION, "2.0", "4.0", "largest gross exposure, of equity"),
    Parameter("R16.cash", FRACTION, "1.0", "1.0", "the same for cash accounts"),
    Parameter("R17", COUNT, "200", "2000", "working orders of an account"),
    Parameter("R17.symbol", COUNT, "20", "200", "working orders of an account in one symbol"),
    Parameter("R18", COUNT, "20", "200", "new orders and replaces per second"),
    Parameter("R18.burst", COUNT, "40", "400", "as many at once", aside=True),
    Parameter("R19", COUNT, "20", "200", "fills of one strategy, symbol and side before it is disabled"),
    Parameter("R19.window", SECONDS, "60", "60", "in this time", LARGEST, aside=True),
    Parameter("R20", COUNT, "25", "100", "refusals, or orders cancelled unfilled, before the session is disabled"),
    Parameter("R20.window", SECONDS, "10", "10", "in this time", LARGEST, aside=True),
    Parameter("R21", COUNT, "500 warn", "500 warn", "messages per fill over the day"),
    Parameter("R21.after", COUNT, "1000", "1000", "messages before the ratio means anything", aside=True),
    Parameter("R22", BASE, "500000", "50000000", "order value sent in a day"),
    Parameter("R22.orders", COUNT, "2000", "50000", "orders sent in a day"),
    Parameter("R23.allow", NAMES, "off", "off", "the only symbols that may be traded", COMMON),
    Parameter("R23.deny", NAMES, "off", "off", "symbols that may not be traded", ALL),
    Parameter("R23.classes", NAMES, "off", "off", "the only asset classes that may be traded", COMMON),
    Parameter("R23.sides", NAMES, "off", "off", "the only sides that may be used", COMMON),
    Parameter("R23.ord_types", NAMES, "off", "off", "the only order types that may be used", COMMON),
    Parameter("R24", SWITCH, "1", "1", "sales are marked long or short as they are"),
    Parameter("R24.locate", SWITCH, "off", "off", "LocateReqd(114) must be given with a short sale"),
    Parameter("R24.borrow_age", SECONDS, "86400", "86400", "oldest borrow flag that still counts", aside=True),
    Parameter("R25", SWITCH, "1", "1", "an order may not trade with an own one"),
    Parameter("R26", SECONDS, "10", "10", "oldest TransactTime(60)"),
    Parameter("R26.ahead", SECONDS, "5", "5", "how far TransactTime(60) may be ahead"),
    Parameter("R27", SWITCH, "1", "1", "trading states and kill switch"),
    Parameter("R28", COUNT, "3 warn", "off", "day trades in five days while equity is below 25,000"),
    Parameter("R28.equity", BASE, "25000", "25000", "equity below which day trades are counted", LARGEST, aside=True),
    Parameter("R29", SWITCH, "1", "1", "the broker is ready"),
    Parameter("R30", COUNT, "10 warn", "10 warn", "times the median of the strategy's last 100 orders"),
)

BY_NAME: dict[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}

ALWAYS_ON = frozenset({"R01", "R07", "R27", "R29"})  # what no profile and no limit switches off

PROFILES = ("starter", "professional", "none")
