"""The local Alpaca itself: as strict as the real one, and moved by plain HTTP. httpx is the client here."""

import asyncio
import json

import httpx
import pytest
import websockets

from bridge.sandbox.alpaca import KEY, SECRET, AlpacaSandbox

HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
LIMIT = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "limit", "limit_price": "98", "time_in_force": "day"}


@pytest.fixture
async def sandbox():
    made = AlpacaSandbox(requests_per_minute=60)
    await made.start()
    made.quote("AAPL", "99", "101")
    made.quote("BTC/USD", "60000", "60010")
    yield made
    await made.stop()


@pytest.fixture
async def http(sandbox):
    async with httpx.AsyncClient(base_url=sandbox.url, headers=HEADERS, trust_env=False) as client:
        yield client


async def post(http, **changes):
    return await http.post(
        "/v2/orders", json={key: value for key, value in (LIMIT | changes).items() if value is not None}
    )


async def test_an_order_is_answered_pending_new_and_then_works(http):
    answer = await post(http, client_order_id="mine")
    body = answer.json()
    assert (answer.status_code, body["status"], body["client_order_id"]) == (200, "pending_new", "mine")
    assert (body["qty"], body["notional"], body["limit_price"], body["order_class"]) == ("10", None, "98", "")
    found = await http.get("/v2/orders:by_client_order_id", params={"client_order_id": "mine"})
    assert found.json()["status"] == "new"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"symbol": "NOPE"}, 422, 40010001),
        ({"qty": None}, 422, 40010001),
        ({"notional": "10"}, 422, 40010001),
        ({"qty": "-1"}, 422, 40010001),
        ({"limit_price": "98.001"}, 422, 42210000),
        ({"limit_price": None}, 422, 40010001),
        ({"qty": "1.5", "time_in_force": "gtc"}, 422, 42210000),
        ({"extended_hours": True, "time_in_force": "ioc"}, 422, 42210000),
        ({"type": "market", "limit_price": None, "qty": "1000000"}, 403, 40310000),
        ({"client_order_id": "x" * 129}, 422, 40010001),
        ({"symbol": "BTC/USD"}, 422, 42210000),
        ({"symbol": "BTC/USD", "time_in_force": "gtc", "side": "sell"}, 403, 40310000),
        ({"side": "hold"}, 422, 40010001),
    ],
)
async def test_rules_are_kept_with_alpacas_codes(http, changes, status, code):
    answer = await post(http, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


async def test_a_client_order_id_is_unique_for_ever_also_after_its_cancel(http):
    first = (await post(http, client_order_id="mine")).json()
    assert (await http.delete(f"/v2/orders/{first['id']}")).status_code == 204
    again = await post(http, client_order_id="mine")
    assert (again.status_code, again.json()["message"]) == (422, "client_order_id must be unique")


async def test_opposite_orders_of_one_account_are_a_wash_trade(http):
    first = (await post(http, side="sell", limit_price="102")).json()
    answer = await post(http, limit_price="103")
    assert answer.status_code == 403
    assert answer.json()["existing_order_id"] == first["id"]


async def test_a_filled_order_takes_neither_cancel_nor_replace(http):
    order = (await post(http, limit_price="101")).json()
    for answer in (
        await http.delete(f"/v2/orders/{order['id']}"),
        await http.patch(f"/v2/orders/{order['id']}", json={"qty": "20"}),
    ):
        assert (answer.status_code, answer.json()["message"]) == (422, 'order is already in "filled" state')


async def test_a_replace_is_a_new_order_and_its_quantity_the_chains_total(sandbox, http):
    old = (await post(http, qty="10")).json()
    sandbox.quote("AAPL", "97", "98", "4", "4")
    new = (await http.patch(f"/v2/orders/{old['id']}", json={"qty": "12", "limit_price": "97"})).json()
    assert (new["replaces"], new["qty"]) == (old["id"], "12")
    assert (await http.get(f"/v2/orders/{old['id']}")).json()["status"] == "replaced"
    sandbox.quote("AAPL", "96", "97", "100", "100")
    assert (await http.get(f"/v2/orders/{new['id']}")).json()["filled_qty"] == "8"
    too_little = await http.patch(f"/v2/orders/{new['id']}", json={"qty": "3"})
    assert too_little.status_code == 422


async def test_lists_have_fifty_orders_by_default_and_five_hundred_at_most(http):
    for _ in range(55):
        await post(http, qty="1")
    assert (await http.get("/v2/orders")).status_code == 200
    assert len((await http.get("/v2/orders")).json()) == 50
    assert (await http.get("/v2/orders", params={"limit": "501"})).status_code == 422


async def test_unknown_things_and_wrong_keys_have_alpacas_answers(http):
    missing = await http.get("/v2/orders/none")
    assert (missing.status_code, missing.json()["code"]) == (404, 40410000)
    wrong = await http.get("/v2/account", headers={"APCA-API-SECRET-KEY": "wrong"})
    assert (wrong.status_code, wrong.json()) == (401, {"message": "unauthorized."})


async def test_the_rate_limit_is_counted_told_and_kept(http):
    first = await http.get("/v2/clock")
    assert first.headers["X-Ratelimit-Limit"] == "60"
    assert int(first.headers["X-Ratelimit-Remaining"]) < 60
    answers = [(await http.get("/v2/clock")).status_code for _ in range(125)]  # over two minutes if one ends meanwhile
    assert 429 in answers


async def test_people_move_it_with_plain_http(sandbox, http):
    await post(http, client_order_id="mine")
    assert (await http.post("/sandbox/quote", json={"symbol": "AAPL", "bid": "97", "ask": 98})).status_code == 200
    assert sandbox.order("mine").status == "filled"
    await http.post("/sandbox/fault", json={"how": "502", "at": "GET /account"})
    assert (await http.get("/v2/account")).status_code == 502
    assert (await http.get("/v2/account")).status_code == 200
    await http.post("/sandbox/market", json={"open": False})
    assert (await http.get("/v2/clock")).json()["is_open"] is False
    assert (await post(http)).json()["status"] == "accepted"
    assert (await http.post("/sandbox/fault", json={"how": "bribery"})).status_code == 400
    assert "POST /sandbox/quote" in (await http.post("/sandbox/nothing")).json()["commands"]


async def test_the_order_stream_wants_authentication_then_listen(sandbox, http):
    url = sandbox.url.replace("http", "ws") + "/stream"
    async with websockets.connect(url, proxy=None) as stream:
        await stream.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        assert json.loads(await stream.recv())["data"]["status"] == "unauthorized"
        with pytest.raises(websockets.ConnectionClosed):
            await stream.recv()
    async with websockets.connect(url, proxy=None) as stream:
        await stream.send(json.dumps({"action": "auth", "key": KEY, "secret": SECRET}))
        assert json.loads(await stream.recv())["data"]["status"] == "authorized"
        await stream.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        assert json.loads(await stream.recv()) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        await post(http, limit_price="101")
        told = [json.loads(await stream.recv())["data"] for _ in range(2)]
        assert [each["event"] for each in told] == ["new", "fill"]
        assert (told[1]["qty"], told[1]["price"], told[1]["position_qty"]) == ("10", "101", "10")
        assert isinstance(await _one_more(sandbox, stream), bytes)
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(url, proxy=None)
        assert refused.value.response.status_code == 406


async def _one_more(sandbox, stream):
    sandbox.orders.tell("calculated", {"id": "x"}, {})
    return await stream.recv()


async def test_a_lost_connection_may_go_on_counting_for_a_while(sandbox):
    url = sandbox.url.replace("http", "ws") + "/stream"
    stream = await websockets.connect(url, proxy=None)
    sandbox.stream_faults.keep_dead = 0.2
    sandbox.orders.drop()
    with pytest.raises(websockets.ConnectionClosed):
        await stream.recv()
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(url, proxy=None)
    for _ in range(100):
        try:
            stream = await websockets.connect(url, proxy=None)
            break
        except websockets.InvalidStatus:
            await asyncio.sleep(0.01)
    await stream.close()


async def test_nonsense_ends_its_connection_and_nothing_else(sandbox, http):
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    broken = await http.post("/v2/orders", content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["code"]) == (400, 40010000)
