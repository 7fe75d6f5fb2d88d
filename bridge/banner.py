"""What the daemon says when it is up: every default in effect, where to connect, and how to change each line."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.settings import BrokerSpec, SessionSettings, Settings
from bridge.settings.section import loopback
from bridge.settings.tree import Outputs


class Started(msgspec.Struct, frozen=True):
    """What is only known once it runs. `mqtt` says where it publishes, `watch` is a command to paste."""

    fix_port: int
    http_port: int | None = None
    mqtt: str = ""
    watch: str = ""
    notes: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """One line: what, its value, and the key that changes it."""

    title: str
    text: str
    key: str = ""
    paste: bool = False
    """A command for the shell: below the panel, so that it can be copied whole."""


def show(settings: Settings, started: Started, *, files: Sequence[Path] = (), console: Console) -> None:
    """Print the banner: a panel on a terminal, plain lines when piped."""
    title = f"fixbridge {version('fixbridge')} · {settings.name} · {'LIVE' if settings.live else 'PAPER'}"
    lines = list(rows(settings, started, files))
    last = "Ctrl-C drains and stops; a second one ends at once."
    next_ = "" if settings.live else "Now try `make demo` (or `fixbridge demo`) in a second terminal. "
    if not console.is_terminal:
        width = max(len(row.title) for row in lines)
        print(title, file=console.file)
        for row in lines:
            print(f"  {row.title:<{width}}  {row.text}", file=console.file)
        print(f"{next_}{last}", file=console.file, flush=True)
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    wide = console.width >= 110
    if wide:
        table.add_column(style="dim", no_wrap=True)
    for row in lines:
        if row.paste:
            continue
        cells = [Text(row.title), Text(row.text)]
        table.add_row(*cells, Text(row.key)) if wide else table.add_row(*cells)
    colour = "bold red" if settings.live else "green"
    body: list[Table | Text] = [table, Text(f"\n{next_}{last}", style="dim")]
    if settings.live:
        body.insert(0, Text("REAL MONEY: orders reach the market.\n", style="bold white on red"))
    console.print(
        Panel(Group(*body), title=Text(title, style=colour), box=box.ROUNDED, border_style=colour, expand=True)
    )
    for row in lines:
        if row.paste:
            console.print(Text(f"{row.title}: {row.text}", style="dim"), soft_wrap=True)


def rows(settings: Settings, started: Started, files: Sequence[Path]) -> Iterator[Row]:
    """The banner's lines."""
    fix = settings.listeners.fix
    tls = "" if fix.tls is None else ", mutual TLS" if fix.tls.client_ca else ", TLS"
    yield Row("FIX 4.4", f"{fix.host}:{started.fix_port}{tls}, TargetCompID(56)={fix.comp_id}", "listeners.fix")
    for session in settings.sessions:
        yield Row("Session", _session(session, fix.host), "sessions")
    for account in settings.accounts:
        spec = settings.broker(account.broker)
        yield Row("Account", f"{account.name} at {_broker(spec)}", "accounts, BrokerSpec")
    yield Row("Market data", _market_data(settings), "marketdata")
    risk = settings.risk
    own = f", {len(risk.limits)} limit(s) of your own" if risk.limits else ""
    checks = f", {len(risk.checks)} check(s) of your own" if risk.checks else ""
    yield Row("Risk", f"profile {risk.profile.value}{own}{checks}; missing data refuses", "risk")
    if settings.outputs is Outputs.OFF:
        yield Row("Outputs", "off: no MQTT, no metrics, no HTTP", "outputs")
    else:
        yield Row("MQTT", started.mqtt or "off", "mqtt")
        if started.watch:
            yield Row("Watch MQTT", started.watch, paste=True)
        yield Row("HTTP", _http(settings, started), "http")
    durability = settings.journal.durability.value if settings.journal.durability else ""
    yield Row("Journal", f"{settings.journal_dir} ({durability} mode)", "journal, data_dir")
    yield Row("Processes", _processes(settings), "outputs")
    source = ", ".join(map(str, files)) if files else "no file, built-in defaults"
    yield Row("Configuration", f"{source}; `fixbridge config show` lists every value", "--config")
    for note in started.notes:
        yield Row("Note", note)


def _session(session: SessionSettings, host: str) -> str:
    if session.authentication is not None:
        how = "password" if session.authentication.password_hash else "signed Logon"
    else:
        how = "no password on loopback" if loopback(host) else "client certificate"
    accounts = f", account {', '.join(session.accounts)}" if session.accounts else ""
    kind = session.kind.value.replace("_", " ")
    return f"SenderCompID(49)={session.comp_id}, {kind}, {how}{accounts}" + ("" if session.enabled else ", disabled")


def _broker(spec: BrokerSpec) -> str:
    if spec.broker.type == "paper":
        return f"{spec.name}, simulated, {spec.paper.cash:,f} {spec.paper.currency} to start with"
    where = f" at {spec.broker.endpoint}" if spec.broker.endpoint else ""
    return f"{spec.name} ({spec.broker.type}{where}), {'LIVE' if spec.live else 'paper'}"


def _market_data(settings: Settings) -> str:
    data = settings.marketdata
    match data.source:
        case "synthetic":
            return f"synthetic, seed {data.synthetic.seed}: invented prices that move, open around the clock"
        case "replay":
            pace = "as fast as possible" if data.replay.factor is None else f"at {data.replay.factor:g} times its pace"
            return f"replay of {', '.join(path.name for path in data.replay.files)} {pace}"
        case "push":
            return "push: what is sent to POST /v1/quotes"
    return data.source


def _http(settings: Settings, started: Started) -> str:
    if not settings.http.enabled or started.http_port is None:
        return "off"
    scheme = "http" if settings.http.tls is None else "https"
    paths = ["/v1", "/healthz", "/readyz"]
    if settings.metrics.enabled:
        paths.insert(1, "/metrics")
    if settings.marketdata.source == "push":
        paths.append("POST /v1/quotes")
    return f"{scheme}://{settings.http.host}:{started.http_port}/ console; {' '.join(paths)}"


def _processes(settings: Settings) -> str:
    if settings.outputs is Outputs.PROCESS:
        return "two: the engine trades, outputs tell"
    return "one" if settings.outputs is Outputs.OFF else "one: outputs share the engine's loop and slow it"
