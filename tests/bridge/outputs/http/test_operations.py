"""Health, readiness and metrics."""

from bridge.outputs.http.engine_vitals import EngineVitals

from .conftest import Browse, House


async def test_health_needs_no_engine(browse: Browse, house: House) -> None:
    await house.server.close()
    assert (await browse(address="10.0.0.1", open_loopback=False).get("/healthz")).status_code == 200


async def test_ready_says_what_is_missing(browse: Browse, house: House) -> None:
    client = browse(address="10.0.0.1", open_loopback=False)
    assert (await client.get("/readyz")).status_code == 200
    house.missing.append("broker paper: reconciling")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == ["broker paper: reconciling"]


async def test_metrics_are_rendered_for_what_the_scraper_accepts(browse: Browse) -> None:
    answer = await browse(open_loopback=False).get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert answer.text == "# application/openmetrics-text\n"
    assert answer.headers["content-type"].startswith("text/plain; version=1.0.0")


def test_vitals_too_old_or_a_broker_unready_or_a_drain_are_missing() -> None:
    now = 0.0
    vitals = EngineVitals(lambda: now)
    assert vitals.missing() == ["engine: no vitals yet"]
    vitals.take({"brokers": {"paper": {"unready": ""}, "alpaca": {"unready": "stream down"}}, "draining": True})
    assert vitals.missing() == ["engine: draining", "broker alpaca: stream down"]
    vitals.take({"brokers": {"paper": {"unready": ""}}, "draining": False})
    assert vitals.missing() == []
    now = 3.0
    assert vitals.missing() == ["engine: vitals are 3.0 s old"]
