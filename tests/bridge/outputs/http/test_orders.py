"""Orders over REST: entry means what FIX means, every request may be repeated, reads see what was written."""

import asyncio
from typing import Any

import httpx
import pytest

from bridge.outputs.http.principal import Role

from .conftest import Browse, House

ORDER = {
    "cl_ord_id": "A-1",
    "account": "ACC1",
    "symbol": "AAPL",
    "side": "buy",
    "ord_type": "limit",
    "order_qty": "100",
    "price": "187.25",
}


async def entered(http: httpx.AsyncClient, **terms: Any) -> dict[str, Any]:
    answer = await http.post("/v1/orders", json={**ORDER, **terms})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_an_order_is_created_and_can_be_read_at_once(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/orders", json=ORDER)
    assert answer.status_code == 201
    order = answer.json()
    assert answer.headers["location"] == f"/v1/orders/{order['order_id']}"
    assert answer.headers["etag"] == f'"{order["last_seq"]}"'
    assert (order["session_id"], order["cl_ord_id"]) == ("REST:anonymous", "A-1")
    read = await http.get(answer.headers["location"])
    assert read.json()["order_qty"] == "100"


async def test_prefer_wait_answers_after_the_brokers_word(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/orders", json=ORDER, headers={"prefer": "wait=5"})
    assert answer.json()["ord_status"] == "new"
    assert answer.headers["preference-applied"] == "wait=5"


async def test_prefer_wait_gives_up_after_its_time(http: httpx.AsyncClient, house: House) -> None:
    house.room.broker.quiet = True
    answer = await http.post("/v1/orders", json=ORDER, headers={"prefer": "wait=1"})
    assert (answer.status_code, answer.json()["ord_status"]) == (201, "pending_new")


async def test_client_order_id_is_another_name_of_cl_ord_id(http: httpx.AsyncClient) -> None:
    body = {**ORDER, "client_order_id": "A-9"}
    del body["cl_ord_id"]
    assert (await http.post("/v1/orders", json=body)).json()["cl_ord_id"] == "A-9"
    for wrong in ({**body, "cl_ord_id": "A-10"}, {**body, "client_order_id": None}):
        answer = await http.post("/v1/orders", json=wrong)
        assert answer.json()["errors"][0]["field"] == "cl_ord_id"


async def test_a_market_order_is_filled_and_positions_and_executions_show_it(http: httpx.AsyncClient) -> None:
    await entered(http, ord_type="market", price=None)
    orders = (await http.get("/v1/orders", params={"status": "closed"})).json()
    assert orders["items"][0]["ord_status"] == "filled"
    executions = (await http.get("/v1/executions")).json()
    assert [row["last_qty"] for row in executions["items"]] == ["100"]
    assert executions["seq"] == orders["seq"]
    positions = (await http.get("/v1/positions", params={"account": "ACC1"})).json()["items"]
    assert [(row["symbol"], row["qty"], row["avg_px"]) for row in positions] == [("AAPL", "100", "187.25")]


async def test_repeating_a_request_answers_the_order_as_it_is_now(http: httpx.AsyncClient, house: House) -> None:
    first = await entered(http)
    again = await http.post("/v1/orders", json=ORDER)
    assert again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["order_id"] == first["order_id"]
    assert len(house.room.broker.submitted) == 1


async def test_the_same_id_with_other_terms_is_a_conflict_with_the_existing_order(http: httpx.AsyncClient) -> None:
    await entered(http)
    answer = await http.post("/v1/orders", json={**ORDER, "order_qty": "99"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/duplicate-cl-ord-id"
    assert answer.json()["order"]["order_qty"] == "100"


async def test_a_refusal_has_the_reason_code_of_the_fix_reject(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/orders", json={**ORDER, "order_qty": "1000"})
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["rule"], problem["limit"], problem["value"]) == (
        "MAX_VALUE",
        "R03",
        "25000",
        "187250.00",
    )
    order = (await http.get(f"/v1/orders/{problem['order_id']}")).json()
    assert order["ord_status"] == "rejected"


async def test_an_engine_that_is_away_took_nothing(http: httpx.AsyncClient, house: House) -> None:
    await house.client.stop()
    answer = await http.post("/v1/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


async def test_an_order_handed_over_and_not_answered_is_the_only_maybe(http: httpx.AsyncClient, house: House) -> None:
    house.room.journal.held = True
    asking = asyncio.ensure_future(http.post("/v1/orders", json=ORDER))
    while not house.room.orders._waiting:  # noqa: ASYNC110 - there is nothing to wait for but the state itself
        await asyncio.sleep(0)
    house.client._disconnected()
    answer = await asking
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/outcome-unknown")
    assert "query by cl_ord_id" in answer.json()["detail"]
    house.room.journal.flush()
    house.room.journal.held = False
    await house.client.wait_connected(5)
    await house.settled()
    assert (await http.get("/v1/orders/by-cl-ord-id/A-1")).json()["order_qty"] == "100"


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_qty": 100},
        {"order_qty": "1e2"},
        {"order_qty": "100\n"},
        {"price": "NaN"},
        {"price": "1234567890.123456"},
        {"side": "BUY"},
        {"ord_type": "2"},
        {"cl_ord_id": " A"},
        {"cl_ord_id": "A" * 65},
        {"cl_ord_id": "ä"},
        {"symbol": ""},
        {"colour": "red"},
        {"expire_time": "2026-11-23T14:00:00"},
        {"exec_inst": "6"},
    ],
)
async def test_what_is_not_as_documented_is_malformed_and_reaches_nobody(
    http: httpx.AsyncClient, house: House, wrong: dict[str, Any]
) -> None:
    answer = await http.post("/v1/orders", json={**ORDER, **wrong})
    assert answer.status_code == 400, answer.text
    assert next(iter(wrong)) in answer.text
    assert house.room.entries() == []


async def test_a_dry_run_says_what_every_rule_says_and_leaves_no_trace(http: httpx.AsyncClient, house: House) -> None:
    answer = await http.post("/v1/orders?dry_run=true", json={**ORDER, "order_qty": "1000"})
    assert answer.status_code == 200
    assert answer.json()["passed"] is False
    assert answer.json()["rules"][0]["rule"] == "R03"
    assert house.room.entries() == []


async def test_a_replace_keeps_what_it_leaves_out(http: httpx.AsyncClient) -> None:
    order = await entered(http, time_in_force="gtc")
    answer = await http.patch(
        f"/v1/orders/{order['order_id']}",
        json={"cl_ord_id": "A-2", "price": "187.30"},
        headers={"prefer": "wait=5"},
    )
    assert answer.status_code == 202
    now = answer.json()
    assert (now["cl_ord_id"], now["price"], now["order_qty"], now["time_in_force"]) == ("A-2", "187.30", "100", "gtc")


async def test_a_cancel_is_accepted_and_then_done(http: httpx.AsyncClient, house: House) -> None:
    order = await entered(http)
    house.room.broker.quiet = True
    answer = await http.delete(f"/v1/orders/{order['order_id']}", params={"cl_ord_id": "C-1"})
    assert (answer.status_code, answer.json()["ord_status"]) == (202, "pending_cancel")
    again = await http.delete(f"/v1/orders/{order['order_id']}", params={"cl_ord_id": "C-1"})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert (await http.delete(f"/v1/orders/{order['order_id']}")).status_code == 400


async def test_if_match_keeps_a_change_from_an_order_that_moved_on(http: httpx.AsyncClient) -> None:
    order = await entered(http)
    stale = await http.delete(
        f"/v1/orders/{order['order_id']}", params={"cl_ord_id": "C-1"}, headers={"if-match": '"1"'}
    )
    assert (stale.status_code, stale.json()["order"]["cl_ord_id"]) == (412, "A-1")
    etag = (await http.get(f"/v1/orders/{order['order_id']}")).headers["etag"]
    done = await http.delete(f"/v1/orders/{order['order_id']}", params={"cl_ord_id": "C-1"}, headers={"if-match": etag})
    assert done.status_code == 202


async def test_an_unchanged_state_is_not_sent_again(http: httpx.AsyncClient) -> None:
    order = await entered(http)
    first = await http.get(f"/v1/orders/{order['order_id']}")
    second = await http.get(f"/v1/orders/{order['order_id']}", headers={"if-none-match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")


async def test_cancel_all_says_which_orders_it_asked_for(http: httpx.AsyncClient) -> None:
    buys = [await entered(http, cl_ord_id=f"B-{number}") for number in range(3)]
    await entered(http, cl_ord_id="S-1", side="sell")
    answer = await http.post("/v1/orders/cancel-all", json={"cl_ord_id": "M-1", "side": "buy"})
    assert answer.status_code == 202
    assert answer.json()["order_ids"] == [order["order_id"] for order in buys]
    left = (await http.get("/v1/orders", params={"status": "open"})).json()["items"]
    assert [order["cl_ord_id"] for order in left] == ["S-1"]


async def test_cancel_after_is_armed_and_ended(http: httpx.AsyncClient) -> None:
    armed = (await http.put("/v1/cancel-after", json={"seconds": 60})).json()
    assert armed == {"seconds": 60, "at": "2026-11-23T14:01:00Z"}
    assert (await http.put("/v1/cancel-after", json={"seconds": 0})).json() == {"seconds": 0}


async def test_pages_go_on_where_they_ended_while_orders_come_in(http: httpx.AsyncClient) -> None:
    for number in range(5):
        await entered(http, cl_ord_id=f"A-{number}")
    first = (await http.get("/v1/orders", params={"limit": 2})).json()
    await entered(http, cl_ord_id="A-5")
    second = (await http.get("/v1/orders", params={"limit": 2, "cursor": first["next"]})).json()
    third = (await http.get("/v1/orders", params={"limit": 2, "cursor": second["next"]})).json()
    seen = [order["cl_ord_id"] for page in (first, second, third) for order in page["items"]]
    assert seen == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    assert "next" not in third


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "cursor=abc", "cursor=", "status=done", "acount=ACC1", "limit=1&limit=2"],
)
async def test_a_query_that_is_not_as_documented_is_malformed(http: httpx.AsyncClient, query: str) -> None:
    assert (await http.get(f"/v1/orders?{query}")).status_code == 400


async def test_filters_narrow_a_list(http: httpx.AsyncClient) -> None:
    await entered(http, cl_ord_id="A-1")
    await entered(http, cl_ord_id="A-2", symbol="MSFT", order_qty="10", price="402.10", strategy="MOMO")
    for query in ({"symbol": "MSFT"}, {"strategy": "MOMO"}, {"account": "ACC1", "symbol": "MSFT"}):
        items = (await http.get("/v1/orders", params=query)).json()["items"]
        assert [order["cl_ord_id"] for order in items] == ["A-2"]
    assert (await http.get("/v1/orders", params={"account": "ACC2"})).json()["items"] == []
    since = (await http.get("/v1/orders", params={"since": "2026-11-23T15:00:00Z"})).json()
    assert since["items"] == []


async def test_another_accounts_order_does_not_exist_for_a_narrow_token(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("narrow", Role.TRADE, accounts=("ACC2",))
    wide, narrow = browse(), browse(token=secret)
    order = await entered(wide)
    assert (await narrow.get(f"/v1/orders/{order['order_id']}")).status_code == 404
    assert (await narrow.get("/v1/orders/by-cl-ord-id/A-1?session=REST:anonymous")).status_code == 404
    assert (await narrow.get("/v1/orders")).json()["items"] == []
    assert (await narrow.get("/v1/entries")).json()["items"] == []
    assert (await narrow.delete(f"/v1/orders/{order['order_id']}?cl_ord_id=C-1")).status_code == 404
    assert (await narrow.post("/v1/orders", json=ORDER)).status_code == 403
    mine = await entered(narrow, account="ACC2")
    assert mine["session_id"] == "REST:narrow"
    assert (await narrow.post("/v1/orders/cancel-all", json={"cl_ord_id": "M-1"})).json()["count"] == 1
    assert (await wide.get(f"/v1/orders/{order['order_id']}")).json()["ord_status"] == "new"


async def test_everything_that_happened_to_an_order_is_told_in_order(http: httpx.AsyncClient) -> None:
    await entered(http, cl_ord_id="A-0")
    order = await entered(http)
    await http.delete(f"/v1/orders/{order['order_id']}", params={"cl_ord_id": "C-1"})
    page = (await http.get(f"/v1/orders/{order['order_id']}/entries")).json()
    assert [entry["event"]["type"] for entry in page["items"]] == [
        "order_received",
        "order_routed",
        "order_accepted",
        "cancel_requested",
        "order_canceled",
    ]
    assert page["items"][-1]["order"]["ord_status"] == "canceled"


async def test_the_verdict_on_a_working_order_does_not_count_it_twice(http: httpx.AsyncClient) -> None:
    order = await entered(http)
    assert (await http.get(f"/v1/orders/{order['order_id']}/verdict")).json()["passed"] is True


async def test_ids_with_slashes_are_found(http: httpx.AsyncClient) -> None:
    await entered(http, cl_ord_id="desk/7/A 1")
    found = await http.get("/v1/orders/by-cl-ord-id/desk%2F7%2FA%201")
    assert found.json()["cl_ord_id"] == "desk/7/A 1"


async def test_not_found_is_said_only_once_everything_the_engine_has_is_folded_here(
    http: httpx.AsyncClient, house: House
) -> None:
    house._tail.cancel()
    entering = asyncio.ensure_future(http.post("/v1/orders", json=ORDER))
    while not house.room.broker.submitted:  # noqa: ASYNC110 - there is nothing to wait for but the state itself
        await asyncio.sleep(0)
    behind = await http.get("/v1/orders/by-cl-ord-id/A-1")
    assert (behind.status_code, behind.json()["type"]) == (503, "/problems/unavailable")
    house._tail = asyncio.create_task(house.tail.run())
    await entering
    assert (await http.get("/v1/orders/by-cl-ord-id/A-1")).status_code == 200
    assert (await http.get("/v1/orders/by-cl-ord-id/A-2")).status_code == 404
    await house.client.stop()
    assert (await http.get("/v1/orders/by-cl-ord-id/A-2")).status_code == 503
    assert (await http.get("/v1/orders/99")).status_code == 503
