"""Positions, books, accounts, executions and alerts: the documents of the states, described by Structs."""

from decimal import Decimal

import httpx
import msgspec

from bridge.journal.encoding import to_json
from bridge.orders.reports import Busted, Executed
from bridge.outputs.http.documents import AccountState, BrokerState, PositionState, SessionState
from bridge.outputs.http.principal import Role
from bridge.vitals import Vitals

from .conftest import Browse, House
from .test_orders import entered


async def test_the_structs_describe_the_documents_exactly(http: httpx.AsyncClient, house: House) -> None:
    await entered(http, ord_type="market", price=None)
    vitals = Vitals()
    account = vitals.account("ACC1")
    account.equity = account.cash = account.buying_power = account.day_pnl = msgspec.convert("1000.50", type=Decimal)
    account.positions["AAPL"] = {"mark": "187.30", "unrealised": "5.00"}
    vitals.session("ALPHA1").logon_ns = 1_795_442_400_000_000_000
    vitals.broker("paper").snapshot_age["ACC1"] = 1.25
    house.vitals(**vitals.snapshot(1))
    for kind, document in (
        (PositionState, next(iter(house.states.positions("ACC1")))),
        (AccountState, house.states.account("ACC1")),
        (SessionState, next(iter(house.states.sessions()))),
        (BrokerState, next(iter(house.states.brokers()))),
    ):
        described = msgspec.json.decode(to_json(document), type=kind)
        assert set(document) <= set(kind.__struct_fields__)
        assert msgspec.json.decode(to_json(described), type=kind) == described


async def test_flat_positions_are_shown_on_request(http: httpx.AsyncClient) -> None:
    await entered(http, ord_type="market", price=None)
    await entered(http, cl_ord_id="A-2", side="sell", ord_type="market", price=None)
    assert (await http.get("/v1/positions")).json()["items"] == []
    flat = (await http.get("/v1/positions", params={"flat": "true"})).json()["items"]
    assert [(row["symbol"], row["qty"]) for row in flat] == [("AAPL", "0")]


async def test_books_of_strategies_add_up_to_the_position(http: httpx.AsyncClient) -> None:
    await entered(http, ord_type="market", price=None, strategy="MOMO")
    await entered(http, cl_ord_id="A-2", ord_type="market", price=None, order_qty="20")
    books = {row["strategy"]: row["qty"] for row in (await http.get("/v1/books")).json()["items"]}
    assert books == {"MOMO": "100", "": "20"}
    assert (await http.get("/v1/positions")).json()["items"][0]["qty"] == "120"


async def test_an_account_and_its_day(http: httpx.AsyncClient) -> None:
    await entered(http, ord_type="market", price=None)
    account = (await http.get("/v1/accounts/ACC1")).json()
    assert (account["fills"], account["traded"]) == (1, "18725.00")
    assert (await http.get("/v1/accounts/NONE")).status_code == 404
    assert [each["account"] for each in (await http.get("/v1/accounts")).json()["items"]] == ["ACC1"]


async def test_a_correction_and_a_bust_change_the_execution(http: httpx.AsyncClient, house: House) -> None:
    order = await entered(http)
    broker = house.room.broker
    broker.fill(house.room.desk.blotter.order(order["order_id"]), "40")  # type: ignore[arg-type]
    broker.fill(house.room.desk.blotter.order(order["order_id"]), "60")  # type: ignore[arg-type]
    mine = house.room.desk.blotter.order(order["order_id"])
    assert mine is not None
    broker.report(
        Executed(
            broker="paper",
            broker_client_id=mine.broker_client_id,
            broker_exec_id="X1b",
            exec_root="X1",
            revision=1,
            last_qty=Decimal(40),
            last_px=Decimal("187.20"),
        )
    )
    broker.report(Busted(broker="paper", broker_client_id=mine.broker_client_id, exec_root="X2", broker_exec_id="X2b"))
    await house.settled()
    busted, corrected = (await http.get("/v1/executions")).json()["items"]
    assert (corrected["last_px"], corrected["revision"]) == ("187.20", 1)
    assert busted["busted"] is True
    found = (await http.get("/v1/executions", params={"exec_id": corrected["exec_ref_id"]})).json()["items"]
    assert [row["exec_id"] for row in found] == [corrected["exec_id"]]
    assert (await http.get("/v1/positions")).json()["items"][0]["qty"] == "40"


async def test_executions_are_paged_and_filtered(http: httpx.AsyncClient) -> None:
    for number in range(5):
        await entered(http, cl_ord_id=f"A-{number}", ord_type="market", price=None, order_qty="1")
    first = (await http.get("/v1/executions", params={"limit": 3})).json()
    second = (await http.get("/v1/executions", params={"limit": 3, "cursor": first["next"]})).json()
    seen = [row["cl_ord_id"] for row in first["items"] + second["items"]]
    assert seen == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    for query in ({"symbol": "MSFT"}, {"until": "2026-11-23T14:00:00Z"}, {"since": "2026-11-23T15:00:00Z"}):
        assert (await http.get("/v1/executions", params=query)).json()["items"] == []


async def test_alerts_name_what_needs_a_person(browse: Browse, house: House) -> None:
    house.vitals(kill_incomplete=2, brokers={}, accounts={})
    alerts = (await browse().get("/v1/alerts")).json()["items"]
    assert alerts == [{"code": "kill_incomplete", "severity": "critical", "detail": {"left": 2}}]


async def test_a_narrow_token_sees_its_accounts_only(browse: Browse, house: House) -> None:
    wide = browse()
    await entered(wide, ord_type="market", price=None)
    await entered(wide, cl_ord_id="A-2", account="ACC2", ord_type="market", price=None)
    secret, _ = house.tokens.create("narrow", Role.READ, accounts=("ACC2",))
    narrow = browse(token=secret)
    for path in ("/v1/positions", "/v1/executions", "/v1/accounts", "/v1/books"):
        assert {row["account"] for row in (await narrow.get(path)).json()["items"]} == {"ACC2"}
    assert (await narrow.get("/v1/accounts/ACC1")).status_code == 404


async def test_administration_shows_masked_configuration_and_drains(browse: Browse, house: House) -> None:
    admin = browse()
    assert (await admin.get("/v1/config")).json() == {"name": "local", "password": "***"}
    assert (await admin.get("/v1/status")).json()["trading"] == "active"
    answer = await admin.post("/v1/drain", json={"reason": "upgrade"})
    assert answer.status_code == 202
    assert house.room.stopped == ["upgrade (REST:anonymous)"]


async def test_every_problem_has_a_page(http: httpx.AsyncClient) -> None:
    problem = (await http.get("/v1/nowhere")).json()
    page = await http.get(problem["type"])
    assert page.status_code == 200
    assert "Not found" in page.text
    assert (await http.get("/problems/nothing")).status_code == 404
