"""The banner: every default in effect, and red when money is real."""

import io
import re

import pytest
from rich.console import Console

from bridge import banner, settings

STARTED = banner.Started(
    fix_port=4444, http_port=5555, mqtt="mosquitto at mqtt://127.0.0.1:1883", watch="mosquitto_sub -t x"
)
LIVE = """
kind: BrokerSpec
metadata: {name: alpaca-live}
broker: {type: alpaca, account: A1, endpoint: https://api.example}
live: true
"""


def shown(found: settings.Settings, *, terminal: bool, width: int = 120) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=width, color_system="standard" if terminal else None)
    banner.show(found, STARTED, console=console)
    return stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_it_tells_the_ports_that_were_really_taken(terminal):
    said = shown(settings.load([], {}, overrides={"listeners.fix.port": "0", "http.port": "0"}), terminal=terminal)
    assert "127.0.0.1:4444" in said
    assert "http://127.0.0.1:5555" in said
    assert "mosquitto at mqtt://127.0.0.1:1883" in said


def test_piped_it_is_plain_lines_without_frames_or_colours():
    said = shown(settings.load([], {}), terminal=False)
    assert "\x1b" not in said
    assert "╭" not in said
    assert "PAPER at paper, simulated, 1,000,000 USD" in said


def test_a_command_to_paste_stands_on_one_line_whatever_the_width():
    said = shown(settings.load([], {}), terminal=True, width=60)
    assert "Watch MQTT: mosquitto_sub -t x" in re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()


def test_live_says_so_in_red(tmp_path):
    (tmp_path / "live.yaml").write_text(LIVE)
    found = settings.load([tmp_path / "live.yaml"], {}, live=True)
    said = shown(found, terminal=True)
    assert "REAL MONEY" in said
    assert "41m" in said  # a red background
    assert "LIVE" in shown(found, terminal=False)
    assert "make demo" not in said


def test_what_is_off_is_said_to_be_off():
    said = shown(settings.load([], {"FIXBRIDGE_OUTPUTS": "off"}), terminal=False)
    assert "off: no MQTT, no metrics, no HTTP" in said


def test_own_limits_and_a_file_are_told(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("kind: BridgeConfig\nrisk: {limits: [{rule: R03, limit: 5}]}\n")
    stream = io.StringIO()
    banner.show(settings.load([file], {}), STARTED, files=[file], console=Console(file=stream, width=200))
    assert "1 limit(s) of your own" in stream.getvalue()
    assert str(file) in stream.getvalue()
