"""A whole bridge in your test process: real engine, real risk, real journal, paper broker, free ports.

    async with paper() as bridge:
        order = await bridge.buy("AAPL", "10", wait=2)
        assert order.ord_status == "filled"

Needs the daemon's libraries as well, which a machine that runs tests of strategies has.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from bridge.sdk.bridge import Bridge


@contextlib.asynccontextmanager
async def paper(**settings: Any) -> AsyncIterator[Bridge]:
    """A client of a bridge that lives as long as the block; `settings` are those of a BridgeConfig.

    Outputs run in this loop, MQTT is off unless asked for, and nothing is left behind. `bridge.fix_port` is the port of
    its FIX acceptor.
    """
    from bridge.daemon import Daemon
    from bridge.settings import load

    with tempfile.TemporaryDirectory(prefix="fixbridge-") as directory:
        values: dict[str, Any] = {
            "apiVersion": "fixbridge/v1",
            "kind": "BridgeConfig",
            "name": "test",
            "data_dir": f"{directory}/var",
            "outputs": "inline",
            "listeners": {"fix": {"port": 0}},
            "http": {"port": 0},
            "mqtt": {"broker": "off"},
            **settings,
        }
        file = Path(directory) / "bridge.yaml"
        file.write_bytes(msgspec.json.encode(values))  # JSON is YAML
        daemon = Daemon(load([file], {}))
        await daemon.start()
        try:
            async with PaperBridge(
                f"http://127.0.0.1:{daemon.watching.http_port}", account="PAPER", fix_port=daemon.acceptor.port
            ) as bridge:
                yield bridge
        finally:
            daemon.stop("the test is over")
            await daemon.run()


class PaperBridge(Bridge):
    """A client that also knows where the bridge's FIX acceptor listens."""

    def __init__(self, url: str, *, account: str, fix_port: int) -> None:
        super().__init__(url, account=account)
        self.fix_port = fix_port
