"""BrokerSpec: one broker connection, in the published shape of broker descriptors, with optional keys of ours."""

from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from bridge.orders.events import Scope
from bridge.risk.limits import Row, row
from bridge.settings.secret import Secret
from bridge.settings.section import Section

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Camel(Section):
    """Keys of a descriptor are camelCase; both spellings are read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class Metadata(Camel):
    """Who the connection is."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
    """Name of the connection: lower case letters, digits, hyphens, dots."""
    description: str = ""
    """For people."""


class Credentials(Camel):
    """How we prove who we are: references to secrets, never the secrets."""

    api_key: Secret | None = None
    """Key identifier, user or client id."""
    api_secret: Secret | None = None
    """Its secret."""


class Connection(Camel):
    """Where and how to connect."""

    type: str
    """Adapter: paper, alpaca, interactive-brokers, or `package.module:Class` of one's own."""
    credentials: Credentials = Credentials()
    endpoint: str | None = None
    """Address of the broker's interface; absent means the adapter's own for its mode."""
    account: str | None = None
    """The broker's name of the account; also our Account(1) unless `accounts` says otherwise."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further options of the adapter, handed to it as they stand."""


class Routing(Camel):
    """Which route an order takes at this broker: for adapters that have routes, the banner says when ours has none."""

    default_route: str | None = None
    """Route of symbols that have none of their own."""
    symbol_routes: dict[str, str] = Field(default_factory=dict)
    """Route by symbol."""


class DefaultOrderType(Enum):
    """Order types by word."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class DefaultTimeInForce(Enum):
    """Times in force by word."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class Execution(Camel):
    """What may be traded how."""

    order_type: DefaultOrderType | None = None
    """Order type of `fixbridge orders new` without a price; FIX orders always carry OrdType(40)."""
    time_in_force: DefaultTimeInForce | None = None
    """Time in force of `fixbridge orders new` without one; an order without TimeInForce(59) is a day order."""
    allow_short_selling: bool | None = None
    """False refuses orders that could end short (R09.short 0); else as the broker's account allows."""
    allow_margin_trading: bool | None = None
    """False counts positions at their full value (R10 rates 1); else as the broker's account allows."""

    def rows(self, broker: str) -> list[Row]:
        """What is not allowed, as limits of this connection."""
        rows: list[Row] = []
        if self.allow_short_selling is False:
            rows.append(row("R09.short", "0", Scope.BROKER, broker))
        if self.allow_margin_trading is False:
            rows += [row(rate, "1", Scope.BROKER, broker) for rate in ("R10.long_rate", "R10.short_rate")]
        return rows


class BrokerRisk(Camel):
    """Limits of this connection's accounts, in force beside those of BridgeConfig; the tightest wins."""

    max_position_size: Amount | None = None
    """Largest position per symbol, in units of OrderQty(38)."""
    max_order_value: Amount | None = None
    """Largest value of one order, in the account's currency."""
    max_daily_loss: Amount | None = None
    """Loss of a day that stops opening orders, in the account's currency."""
    position_limits: dict[str, Amount] = Field(default_factory=dict)
    """Largest position by symbol, in units of OrderQty(38)."""

    @field_validator("position_limits", mode="before")
    @classmethod
    def _list_of_rows(cls, value: Any) -> Any:
        """Descriptors also write `- {symbol: AAPL, maxPositionSize: 100}`."""
        if isinstance(value, list) and all(
            isinstance(row, dict) and len(row) == 2 and "symbol" in row for row in value
        ):
            return {str(row["symbol"]): next(size for key, size in row.items() if key != "symbol") for row in value}
        return value

    def block(self) -> dict[str, Any]:
        """The `risk` block as it stood in the descriptor, without what was left out."""
        return self.model_dump(by_alias=True, exclude_defaults=True)


class Paper(Camel):
    """The simulated exchange of `type: paper`; docs/paper.md explains its model."""

    cash: Amount = Decimal(1_000_000)
    """Cash each account starts with."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3,5}$")] = "USD"
    """Currency of the accounts."""
    fill: dict[str, Any] = Field(default_factory=dict)
    """How orders fill: taking, resting, stop_trigger, participation, walk_levels, walk_depth, max_quote_age."""
    fees: str = "none"
    """Fee schedule: none, alpaca, ib-fixed, ib-tiered, maker-taker."""
    latency: dict[str, Any] = Field(default_factory=dict)
    """Delays of submit, cancel, replace, report: {floor, median, sigma} in milliseconds, and their seed."""
    house: dict[str, Any] = Field(default_factory=dict)
    """What the imitated broker refuses: imitate, price_bands, allow_wash_trades, hard_to_borrow, reject_share, …"""
    hours: Literal["always", "calendar"] = "always"
    """Whether markets are always open, or as each instrument's calendar says."""
    margin: Literal["intraday", "overnight", "cash"] = "intraday"
    """Margin terms of the accounts."""
    scenario: Path | None = None
    """A file of faults to rehearse with."""

    def document(self) -> dict[str, Any]:
        """What the paper broker's own options are read from."""
        chosen = self.model_dump(mode="json", exclude={"cash", "currency"}, exclude_defaults=True, by_alias=False)
        return chosen | {"fill": self.fill, "latency": self.latency, "house": self.house}


class BrokerSpec(Camel):
    """One broker connection."""

    api_version: Literal["datafye.io/v1"] = "datafye.io/v1"
    """Version of the descriptor's shape."""
    kind: Literal["BrokerSpec"] = "BrokerSpec"
    """What the document describes."""
    metadata: Metadata
    broker: Connection
    routing: Routing = Routing()
    execution: Execution = Execution()
    risk: BrokerRisk = BrokerRisk()
    live: bool = False
    """Real money. Needs `--live` at start as well."""
    paper: Paper = Paper()
    """Only for `type: paper`."""

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name
