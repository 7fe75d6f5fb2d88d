"""BridgeConfig, the daemon's own document, and Settings: that document together with the brokers."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, field_validator

from bridge.orders.events import Mode, Scope
from bridge.settings.broker import BrokerSpec
from bridge.settings.secret import Secret
from bridge.settings.section import CompId, Name, Port, Seconds, Section
from bridge.settings.sessions import SessionSettings
from sessions.admission import AdmissionLimits


class Tls(Section):
    """TLS of a listener."""

    certificate: Path
    """Our certificate with its chain, PEM."""
    key: Path
    """Its private key, PEM."""
    client_ca: Path | None = None
    """Authorities whose client certificates are taken; given, a client must bring one (mutual TLS)."""


class FixListener(Section):
    """Where FIX clients connect."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 9878
    """Port to listen on, 0 = any free one."""
    comp_id: CompId = "BRIDGE"
    """Our CompID: the client's TargetCompID(56)."""
    tls: Tls | None = None
    """Absent means plain TCP."""
    max_connections: Annotated[int, Field(ge=1)] = 2_000
    """All connections of the listener."""
    max_connections_per_address: Annotated[int, Field(ge=1)] = 100
    """Connections of one address."""
    max_waiting: Annotated[int, Field(ge=1)] = 200
    """Connections that have not logged on yet."""
    logon_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long a connection may wait with its Logon(A)."""
    max_failures: Annotated[int, Field(ge=1)] = 10
    """Failed Logon(A) of one address within the window, after which it is refused for as long."""
    failure_window_seconds: Annotated[float, Field(gt=0)] = 60.0
    """The window."""

    def admission(self) -> AdmissionLimits:
        """The acceptor's form of the bounds."""
        return AdmissionLimits(
            connections=self.max_connections,
            connections_per_address=self.max_connections_per_address,
            waiting=self.max_waiting,
            failures=self.max_failures,
            failure_window_seconds=self.failure_window_seconds,
            logon_timeout_seconds=self.logon_timeout_seconds,
        )


class Listeners(Section):
    """What the engine listens on."""

    fix: FixListener = FixListener()


class Durability(Enum):
    """What an effect waits for (DURABILITY section 2)."""

    WRITE = "write"
    SYNC = "sync"


class JournalSettings(Section):
    """The log of record."""

    durability: Durability | None = None
    """write survives a crash of the daemon, sync a power failure too; absent means sync for live, write for paper."""
    flush_interval_ms: Annotated[int, Field(ge=1, le=60_000)] = 200
    """In write mode, how far the flush may lag behind, milliseconds."""
    segment_mb: Annotated[int, Field(ge=1, le=4096)] = 256
    """Size at which a new segment begins."""
    stall_limit_seconds: Annotated[float, Field(gt=0)] = 2.0
    """A flush that takes longer stops new orders until it returns."""
    snapshot_every: Annotated[int, Field(ge=1000)] = 100_000
    """Entries between two snapshots."""
    keep_days: Annotated[int, Field(ge=1)] | None = None
    """Days that finished segments are kept; absent means for ever."""
    remember_days: Annotated[int, Field(ge=1)] = 7
    """Days that orders which ended are remembered with their ClOrdID(11); the journal keeps them for longer."""
    allow_volatile: bool = False
    """Let sync mode run on a file system that cannot flush."""


class Account(Section):
    """One account that can be traded: which broker holds it."""

    name: Name
    """Account(1)."""
    broker: str
    """`metadata.name` of the BrokerSpec."""
    day_zone: str = "America/New_York"
    """Time zone of the trading day: daily limits and start-of-day equity follow it."""
    day_begins: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """Local time at which the trading day begins, e.g. 17:00 for futures and FX."""

    @field_validator("day_zone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("a time zone such as America/New_York or UTC") from error
        return zone


class RiskLimit(Section):
    """One limit; where several match an order, the tightest wins."""

    rule: Annotated[str, Field(pattern=r"^R[0-9]{2}(\.[a-z0-9_]+)?$|^PX\.[a-z_]+$|^[A-Za-z_]\w*$")]
    """Rule or parameter, e.g. R03 or R09.long; `fixbridge risk` lists them."""
    limit: Annotated[str, Field(min_length=1)]
    """`25000`, `25000 warn`, `25000 block 0.9` (mode, part of it at which to warn), or `off`."""
    scope: Scope = Scope.GLOBAL
    """What the limit is for."""
    name: str = ""
    """Name of the broker, account, strategy, session or symbol; empty for global."""


class RiskCheckSpec(Section):
    """A check of one's own: `use` names the class, every other key is one of its parameters."""

    model_config = ConfigDict(extra="allow")

    use: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`package.module:Class`."""

    @property
    def options(self) -> dict[str, Any]:
        """The parameters."""
        return dict(self.model_extra or {})


class RiskProfile(Enum):
    """Named sets of limits."""

    STARTER = "starter"
    PROFESSIONAL = "professional"
    NONE = "none"


class RiskSettings(Section):
    """Pre-trade controls. What is left out has the profile's value, never no limit."""

    profile: RiskProfile = RiskProfile.STARTER
    """Built-in values; none must be asked for by name."""
    limits: tuple[RiskLimit, ...] = ()
    """Limits that differ from the profile's."""
    checks: tuple[RiskCheckSpec, ...] = ()
    """Checks of one's own, run after the built-in ones."""
    loosen_delay_seconds: Seconds = 60.0
    """Wait before a loosened limit takes effect."""


class Synthetic(Section):
    """Invented, seeded quotes around plausible prices; the market never closes."""

    seed: int = 1
    """The same seed gives the same walk."""
    interval_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.25
    """Seconds between two turns of every symbol."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Probability that a symbol moves in a turn."""
    symbols: tuple[str, ...] = ()
    """Only these symbols have a market; empty means every listed instrument."""


class Replay(Section):
    """Recorded quotes and trades, merged by their times."""

    files: tuple[Path, ...] = ()
    """CSV files with the columns ts,symbol,bid_px,bid_sz,ask_px,ask_sz or ts,symbol,price,size,aggressor."""
    speed: Annotated[float, Field(gt=0)] | Literal["max"] = 1.0
    """Factor on the recording's own pace, or max for as fast as possible."""
    loop: bool = False
    """Begin again at the end."""

    @property
    def factor(self) -> float | None:
        """`speed` as a number, None for as fast as possible."""
        return None if self.speed == "max" else self.speed


class MarketDataSettings(Section):
    """Where prices for risk, paper fills and cost come from."""

    source: str = "synthetic"
    """synthetic, replay, push (POST /v1/quotes), or `package.module:Class` of one's own."""
    synthetic: Synthetic = Synthetic()
    replay: Replay = Replay()
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of a source of one's own."""

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source in ("synthetic", "replay", "push") or ":" in source:
            return source
        raise ValueError("synthetic, replay, push or package.module:Class")


class InstrumentsSettings(Section):
    """The symbol master."""

    starter: bool = True
    """Begin with the built-in universe."""
    files: tuple[Path, ...] = ()
    """Further instruments; later rows replace earlier ones of the same symbol."""


class Outputs(Enum):
    """Where MQTT, metrics and HTTP run."""

    PROCESS = "process"
    INLINE = "inline"
    OFF = "off"


class MqttTls(Section):
    """TLS towards an MQTT broker."""

    ca: Path | None = None
    """Authorities; absent means the system's."""
    certificate: Path | None = None
    """Our certificate, where the broker wants one."""
    key: Path | None = None
    """Its private key."""


class MqttSettings(Section):
    """Entries and states over MQTT."""

    broker: str = "auto"
    """auto (mosquitto or the embedded broker, started as a child), off, or mqtt://host:port, mqtts://host:port."""
    port: Port = 1883
    """Port of the `auto` broker, on loopback."""
    protocol: Literal["5", "3.1.1"] = "5"
    """Version spoken to an external broker."""
    username: str | None = None
    """User at an external broker."""
    password: Secret | None = None
    """Its password."""
    tls: MqttTls = MqttTls()

    @field_validator("broker")
    @classmethod
    def _url(cls, broker: str) -> str:
        if broker in ("auto", "off"):
            return broker
        scheme, _, rest = broker.partition("://")
        if scheme not in ("mqtt", "mqtts") or not rest:
            raise ValueError("auto, off, mqtt://host:port or mqtts://host:port")
        if "@" in rest:
            raise ValueError("an address without user and password: those are mqtt.username and mqtt.password")
        return broker


class HttpSettings(Section):
    """REST, WebSocket, metrics and health."""

    enabled: bool = True
    """False opens no port."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8080
    """Port to listen on, 0 = any free one."""
    tls: Tls | None = None
    """Needed wherever others than this machine can connect."""
    allowed_hosts: tuple[str, ...] = ()
    """Further values of the Host header that are answered, beside the address itself and localhost."""


class MetricsSettings(Section):
    """Prometheus."""

    enabled: bool = True
    """Serve /metrics."""
    symbols: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """Symbols that get a label of their own; the rest is `other`."""


class LogFormat(Enum):
    """How log lines look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(Enum):
    """Least severe level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSettings(Section):
    """Logging."""

    level: LogLevel = LogLevel.INFO
    """Least severe level that is logged."""
    format: LogFormat = LogFormat.AUTO
    """auto is console on a terminal and json elsewhere."""
    fix_messages: bool = True
    """Keep every FIX message in and out in `data_dir`/log, passwords masked."""


class BridgeConfig(Section):
    """The daemon."""

    api_version: Annotated[Literal["fixbridge/v1"], Field(alias="apiVersion")] = "fixbridge/v1"
    """Version of the document's shape."""
    kind: Literal["BridgeConfig"] = "BridgeConfig"
    """What the document describes."""
    name: Name = "local"
    """Name of this daemon, in topics and banners."""
    mode: Mode | None = None
    """paper or live; absent means live exactly when a BrokerSpec says `live: true`."""
    data_dir: Path = Path("var")
    """Journal, session stores, logs, control socket."""
    listeners: Listeners = Listeners()
    sessions: tuple[SessionSettings, ...] = (SessionSettings(comp_id="STRATEGY"),)
    """FIX sessions clients may log on to."""
    accounts: tuple[Account, ...] = ()
    """Accounts that can be traded; absent means one per BrokerSpec, named by its `broker.account`."""
    journal: JournalSettings = JournalSettings()
    risk: RiskSettings = RiskSettings()
    marketdata: MarketDataSettings = MarketDataSettings()
    instruments: InstrumentsSettings = InstrumentsSettings()
    outputs: Outputs = Outputs.PROCESS
    """process (a process of their own), inline (in the engine's loop), or off."""
    mqtt: MqttSettings = MqttSettings()
    http: HttpSettings = HttpSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    drain_seconds: Seconds = 10.0
    """How long a clean stop may take."""


def paper_broker() -> BrokerSpec:
    """The broker of a daemon without any BrokerSpec."""
    return BrokerSpec.model_validate({"metadata": {"name": "paper"}, "broker": {"type": "paper", "account": "PAPER"}})


class Settings(BridgeConfig):
    """Everything that was configured, defaults filled in, decisions that depend on other settings made."""

    brokers: tuple[BrokerSpec, ...] = Field(default_factory=lambda: (paper_broker(),))
    """The broker connections, each a document of kind BrokerSpec."""

    @property
    def live(self) -> bool:
        """Whether real money is at stake."""
        return self.mode is Mode.LIVE

    @property
    def journal_dir(self) -> Path:
        """Segments, snapshots, head."""
        return self.data_dir / "journal"

    @property
    def store_dir(self) -> Path:
        """Session stores."""
        return self.data_dir / "sessions"

    @property
    def log_dir(self) -> Path:
        """FIX message logs."""
        return self.data_dir / "log"

    @property
    def control_socket(self) -> Path:
        """The engine's Unix socket."""
        return self.data_dir / "control.sock"

    def broker(self, name: str) -> BrokerSpec:
        """The BrokerSpec of that name. Raises KeyError."""
        for spec in self.brokers:
            if spec.name == name:
                return spec
        raise KeyError(name)

    def dump(self) -> str:
        """JSON for the outputs process: references to secrets, never a secret."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
