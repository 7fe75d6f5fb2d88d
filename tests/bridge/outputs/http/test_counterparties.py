"""FIX sessions and brokers: shown from the vitals, changed by commands."""

import httpx
import pytest

from bridge.outputs.http.principal import Role
from bridge.vitals import Vitals

from .conftest import Browse, House


@pytest.fixture(autouse=True)
def seen(house: House) -> None:
    vitals = Vitals()
    session = vitals.session("ALPHA1")
    session.up, session.next_in, session.next_out, session.peer = True, 7, 9, "10.0.0.9:51000"
    vitals.broker("paper").unready = "reconciling"
    house.vitals(**vitals.snapshot(1_795_442_400_000_000_000))


async def test_sessions_are_the_documents_mqtt_publishes(browse: Browse, house: House) -> None:
    session = (await browse().get("/v1/sessions")).json()["items"][0]
    assert session == next(iter(house.states.sessions()))
    assert session["peer"] == "10.0.0.9:51000"
    secret, _ = house.tokens.create("narrow", Role.READ, accounts=("ACC2",))
    assert "peer" not in (await browse(token=secret).get("/v1/sessions")).json()["items"][0]


async def test_brokers_are_the_documents_mqtt_publishes(http: httpx.AsyncClient, house: House) -> None:
    brokers = (await http.get("/v1/brokers")).json()["items"]
    assert brokers == list(house.states.brokers())
    assert (brokers[0]["ready"], brokers[0]["unready"]) == (False, "reconciling")


async def test_an_operator_changes_a_session_with_a_reason(http: httpx.AsyncClient, house: House) -> None:
    for path, body in (
        ("disconnect", {"reason": "maintenance"}),
        ("next-numbers", {"next_in": 5, "reason": "agreed by phone"}),
        ("reset", {"reason": "new day"}),
    ):
        answer = await http.post(f"/v1/sessions/ALPHA1/{path}", json=body)
        assert answer.status_code == 200, answer.text
    await http.put("/v1/sessions/ALPHA1/enabled", json={"enabled": False, "reason": "blocked"})
    assert [what[1] for what in house.room.sessions.did] == ["disconnect", "set_next", "reset", "disable"]
    assert house.room.sessions.numbers("ALPHA1") == (1, 1)


async def test_an_unknown_session_a_missing_reason_and_a_live_session_are_refused(
    http: httpx.AsyncClient, house: House
) -> None:
    assert (await http.post("/v1/sessions/NONE/disconnect", json={"reason": "x"})).status_code == 404
    assert (await http.post("/v1/sessions/ALPHA1/reset", json={})).status_code == 400
    assert (await http.post("/v1/sessions/ALPHA1/next-numbers", json={"reason": "x"})).status_code == 400
    house.room.sessions.logged_on = True
    assert (await http.post("/v1/sessions/ALPHA1/reset", json={"reason": "x"})).status_code == 409


async def test_a_reconciliation_is_run_and_then_listed(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/brokers/paper/reconcile")
    assert (answer.status_code, answer.json()["broker"]) == (200, "paper")
    listed = (await http.get("/v1/reconciliations")).json()["items"]
    assert listed[0]["trigger"] == "asked by REST:anonymous"
    assert (await http.post("/v1/brokers/none/reconcile")).status_code == 404
