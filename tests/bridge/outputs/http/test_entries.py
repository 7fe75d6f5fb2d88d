"""The journal as it is told."""

from typing import Any

import httpx

from bridge.journal.encoding import outward
from bridge.orders.blotter import Blotter
from bridge.outputs.http.principal import Role

from .conftest import Browse, House
from .test_orders import entered


async def test_entries_are_the_same_bytes_on_every_channel(http: httpx.AsyncClient, house: House) -> None:
    await entered(http, ord_type="market", price=None)
    blotter = Blotter()
    expected = [outward(entry, blotter.apply(entry)) for entry in house.room.entries()]
    body = (await http.get("/v1/entries")).content
    assert body == b'{"items":[' + b",".join(expected) + b'],"next":%d,"seq":%d}' % (len(expected), len(expected))


async def test_a_reader_goes_on_after_its_last_entry(http: httpx.AsyncClient) -> None:
    for number in range(4):
        await entered(http, cl_ord_id=f"A-{number}")
    seen: list[int] = []
    after = 0
    while True:
        page = (await http.get("/v1/entries", params={"after": after, "limit": 5})).json()
        seen += [entry["seq"] for entry in page["items"]]
        after = page["next"]
        if after >= page["seq"]:
            break
    assert seen == list(range(1, 13))


async def test_filters_move_on_past_what_they_leave_out(http: httpx.AsyncClient) -> None:
    await entered(http, cl_ord_id="A-1", ord_type="market", price=None)
    await entered(http, cl_ord_id="A-2", symbol="MSFT", order_qty="1", price="402.10")
    page = (await http.get("/v1/entries", params={"type": "order_filled,order_rejected"})).json()
    assert [entry["event"]["type"] for entry in page["items"]] == ["order_filled"]
    assert page["next"] == page["seq"] == 7
    page = (await http.get("/v1/entries", params={"symbol": "MSFT"})).json()
    assert {entry["order"]["symbol"] for entry in page["items"]} == {"MSFT"}
    page = (await http.get("/v1/entries", params={"account": "ACC2"})).json()
    assert page == {"items": [], "next": 7, "seq": 7}


async def test_one_entry_by_its_number(http: httpx.AsyncClient) -> None:
    await entered(http)
    assert (await http.get("/v1/entries/2")).json()["event"]["type"] == "order_routed"
    for seq in (0, 4, 99):
        assert (await http.get(f"/v1/entries/{seq}")).status_code == 404


async def test_entries_older_than_memory_are_folded_again(http: httpx.AsyncClient, house: House) -> None:
    house.stream._capacity = 4
    for number in range(6):
        await entered(http, cl_ord_id=f"A-{number}")
    assert house.stream.floor > 3
    page = (await http.get("/v1/entries", params={"limit": 3})).json()
    assert [entry["seq"] for entry in page["items"]] == [1, 2, 3]
    assert page["items"][2]["order"]["ord_status"] == "new"
    assert (await http.get("/v1/entries/1")).json()["event"]["type"] == "order_received"


async def test_a_narrow_token_sees_its_accounts_and_what_holds_for_all(browse: Browse, house: House) -> None:
    secret, _ = house.tokens.create("narrow", Role.READ, accounts=("ACC2",))
    wide: Any = browse()
    await entered(wide)
    await entered(wide, cl_ord_id="A-2", account="ACC2")
    await wide.post("/v1/risk/halt", json={"scope": "global", "reason": "fire drill"})
    await wide.post("/v1/risk/halt", json={"scope": "account", "name": "ACC1", "reason": "theirs", "state": "locked"})
    await house.settled()
    items = (await browse(token=secret).get("/v1/entries")).json()["items"]
    assert [entry["event"]["type"] for entry in items] == [
        "order_received",
        "order_routed",
        "order_accepted",
        "trading_halted",
    ]
