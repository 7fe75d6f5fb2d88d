"""A real Prometheus that has scraped our metrics through a scripted day, with our rules at a pace of one second."""

import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.outputs.metrics import Metrics
from tests.bridge.outputs.day import busy_day, outputs, show, vitals_of_the_day
from tests.bridge.outputs.script import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
SECONDS = 9


class Prometheus:
    """The API of a running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **arguments: str) -> Any:
        query = f"?{urllib.parse.urlencode(arguments)}" if arguments else ""
        try:
            with urllib.request.urlopen(f"{self._url}{path}{query}", timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def query(self, expr: str) -> list[dict[str, Any]]:
        """An instant query's series; AssertionError with Prometheus' word when it is refused."""
        answer = self.get("/api/v1/query", query=expr)
        assert answer["status"] == "success", f"{expr}: {answer.get('error')}"
        result = answer["data"]["result"]
        return result if answer["data"]["resultType"] != "scalar" else [{"metric": {}, "value": result}]


def serve(metrics: Metrics) -> ThreadingHTTPServer:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = metrics.render(self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def at_one_second(directory: Path) -> None:
    """Our rule files with every group evaluated each second, so that a test need not wait."""
    for name in ("rules.yml", "alerts.yml"):
        rules = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
        (directory / name).write_text(yaml.safe_dump(rules))


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("prometheus")
    at_one_second(directory)
    script = busy_day()
    metrics = Metrics(
        lambda: script.blotter,
        asset_class=lambda symbol: {"AAPL": "equity", "EUR/USD": "fx"}.get(symbol, "future"),
        mode="paper",
        version="0.1.0",
        engine_pid=os.getppid(),
    )
    server = serve(metrics)
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{server.server_port}"]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
    api = Prometheus(port)
    try:
        live_through(metrics, script, process, api)
        yield api
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        server.shutdown()


def live_through(metrics: Metrics, script: Any, process: subprocess.Popen[bytes], api: Prometheus) -> None:
    """Show the day in slices while Prometheus scrapes; everything has risen at least twice at the end."""
    blotter = script.fold(0)
    for entry in script.entries[: len(script.entries) // 2]:
        metrics.on_entry(entry, blotter.apply(entry))
    for second in range(SECONDS):
        assert process.poll() is None, "prometheus has ended"
        if second in (3, 6):
            show(metrics, script, 0)
        vitals = vitals_of_the_day(second + 1)
        metrics.on_vitals(vitals.snapshot(time.time_ns()))
        outputs(metrics, second + 1)
        time.sleep(1)
