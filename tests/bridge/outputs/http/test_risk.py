"""Limits, trading states, halt, kill and resume over REST."""

import asyncio

import httpx
import pytest

from bridge.outputs.http.principal import Role

from .conftest import Browse, House
from .test_orders import entered

HALT = {"scope": "account", "name": "ACC1", "reason": "runaway"}


async def test_a_halt_is_journalled_with_who_and_why_and_shown(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("rita", Role.RISK)
    rita = browse(token=secret)
    answer = await rita.post("/v1/risk/halt", json={**HALT, "state": "reduce_only"})
    assert (answer.status_code, answer.json()["state"]) == (200, "reduce_only")
    await house.settled()
    states = (await rita.get("/v1/risk/states")).json()
    assert states["scopes"] == [
        {"scope": "account", "name": "ACC1", "state": "reduce_only", "who": "REST:rita", "reason": "runaway"}
    ]


async def test_a_halt_that_is_no_stricter_is_a_conflict(http: httpx.AsyncClient) -> None:
    await http.post("/v1/risk/halt", json={**HALT, "state": "locked"})
    assert (await http.post("/v1/risk/halt", json=HALT)).status_code == 409


async def test_resume_needs_a_reason_and_does_not_open_a_lock(http: httpx.AsyncClient, house: House) -> None:
    await http.post("/v1/risk/halt", json=HALT)
    assert (await http.post("/v1/risk/resume", json={**HALT, "reason": " "})).status_code == 400
    assert (await http.post("/v1/risk/resume", json=HALT)).json()["state"] == "active"
    await http.post("/v1/risk/halt", json={**HALT, "state": "locked"})
    assert (await http.post("/v1/risk/resume", json=HALT)).status_code == 409


async def test_a_kill_cancels_and_reports_its_steps(http: httpx.AsyncClient, house: House) -> None:
    await entered(http)
    answer = await http.post("/v1/risk/kill", json=HALT)
    assert answer.status_code == 202
    assert "complete" not in answer.json()
    for _ in range(5):
        house.room.clock.advance(1.1)
        house.room.limits.tick()
        await asyncio.sleep(0.01)
    report = (await http.get(answer.headers["location"])).json()
    assert [step["name"] for step in report["steps"]][:2] == ["fenced", "cancels sent"]
    assert (report["complete"], report["who"]) == (True, "REST:anonymous")
    assert (await http.get("/v1/risk/kills/99")).status_code == 404


@pytest.mark.parametrize("scope", [{"scope": "global", "name": "ACC1"}, {"scope": "account"}, {"scope": "planet"}])
async def test_a_scope_has_exactly_the_name_it_needs(http: httpx.AsyncClient, scope: dict[str, str]) -> None:
    assert (await http.post("/v1/risk/kill", json={**scope, "reason": "x"})).status_code == 400


async def test_a_narrow_token_acts_on_its_own_accounts_only(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("narrow", Role.RISK, accounts=("ACC2",))
    narrow = browse(token=secret)
    for body in (HALT, {"scope": "global", "reason": "x"}, {"scope": "symbol", "name": "AAPL", "reason": "x"}):
        assert (await narrow.post("/v1/risk/halt", json=body)).status_code == 403
    assert (await narrow.post("/v1/risk/halt", json={**HALT, "name": "ACC2"})).status_code == 200
    assert (await narrow.patch("/v1/risk/limits/R03:global:", json={"value": "1", "reason": "x"})).status_code == 403


async def test_limits_are_listed_and_changed_with_who_and_why(http: httpx.AsyncClient, house: House) -> None:
    limits = {each["id"]: each for each in (await http.get("/v1/risk/limits")).json()["items"]}
    assert limits["R03:global:"]["value"] == "25000"
    answer = await http.patch("/v1/risk/limits/R03:account:ACC1", json={"value": "10000", "reason": "new desk"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["value"], answer.json()["who"]) == ("10000", "REST:anonymous")
    assert (await http.patch("/v1/risk/limits/R99:global:", json={"value": "1", "reason": "x"})).status_code == 404
    assert (await http.patch("/v1/risk/limits/R03:planet:", json={"value": "1", "reason": "x"})).status_code == 404


async def test_what_is_used_of_the_limits_is_shown(http: httpx.AsyncClient, house: House) -> None:
    house.vitals(utilisation=[["ACC1", "R09", "46500", "50000", 0.93]], accounts={"ACC1": {}})
    states = (await http.get("/v1/risk/states")).json()
    assert states["used"] == [{"account": "ACC1", "rule": "R09", "used": "46500", "limit": "50000", "ratio": 0.93}]
    assert states["accounts"] == [{"account": "ACC1", "state": "active"}]
