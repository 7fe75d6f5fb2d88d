"""Quotes from outside: checked strictly, forwarded whole."""

from typing import Any

import pytest

from bridge.problems import refuse

from .conftest import Browse, House

NOT_PRICES = ("NaN", "Infinity", "1e4", " 1", "1 ", "1_000", "187,20", "-1", "+1", "１８７", "1.", ".5", "", "1" * 16)
GOOD = {"symbol": "AAPL", "bid_px": "187.20", "bid_sz": "300", "ask_px": "187.25", "ask_sz": "500"}


@pytest.fixture
def calls(house: House) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []

    def quotes(quotes: list[dict[str, Any]], trades: list[dict[str, Any]], caller: str) -> dict[str, object]:
        calls.append({"quotes": quotes, "trades": trades, "caller": caller})
        refused = [
            {"list": "quotes", "index": index, "symbol": row["symbol"], "reason": "not in the symbol master"}
            for index, row in enumerate(quotes)
            if row["symbol"] == "NONE"
        ]
        return {"accepted": len(quotes) + len(trades) - len(refused), "refused": refused}

    house.script("quotes", quotes)
    return calls


async def test_quotes_and_trades_reach_the_engine_as_they_were_written(
    browse: Browse, calls: list[dict[str, Any]]
) -> None:
    trade = {"symbol": "AAPL", "price": "187.21", "size": "10", "aggressor": "buy", "time": "2026-11-23T14:00:00Z"}
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD], "trades": [trade]})
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 2, "refused": []}
    assert calls == [{"quotes": [GOOD], "trades": [trade], "caller": "REST:anonymous"}]


async def test_what_was_refused_is_told_beside_what_was_taken(browse: Browse, calls: list[dict[str, Any]]) -> None:
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD, {**GOOD, "symbol": "NONE"}]})
    assert answer.status_code == 200
    assert answer.json()["refused"][0]["reason"] == "not in the symbol master"


async def test_nothing_taken_is_a_refusal(browse: Browse, calls: list[dict[str, Any]]) -> None:
    answer = await browse().post("/v1/quotes", json={"quotes": [{**GOOD, "symbol": "NONE"}]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "quotes[0]", "detail": "not in the symbol master"}]


@pytest.mark.parametrize("price", [*NOT_PRICES, 187.2, None, []])
async def test_only_plain_decimal_text_is_a_price(browse: Browse, calls: list[dict[str, Any]], price: object) -> None:
    answer = await browse().post("/v1/quotes", json={"trades": [{"symbol": "AAPL", "price": price, "size": "1"}]})
    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed"
    assert calls == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"quotes":{}}', b'{"quotes":[{}]}', b'{"quote":[]}'])
async def test_what_is_not_the_documented_shape_is_malformed(
    browse: Browse, calls: list[dict[str, Any]], body: bytes
) -> None:
    answer = await browse().post("/v1/quotes", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert calls == []


async def test_the_fault_names_the_field(browse: Browse, calls: list[dict[str, Any]]) -> None:
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD, {**GOOD, "bid_px": "x"}]})
    assert "quotes[1].bid_px" in answer.text


async def test_the_engines_refusal_is_passed_on(browse: Browse, house: House) -> None:
    def quotes(quotes: list[Any], trades: list[Any]) -> None:
        raise refuse("conflict", "the market data source is synthetic")

    house.script("quotes", quotes)
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD]})
    assert (answer.status_code, answer.json()["detail"]) == (409, "the market data source is synthetic")


async def test_an_engine_that_is_away_is_unavailable(browse: Browse, house: House) -> None:
    await house.client.stop()
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD]})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")


async def test_a_change_without_an_answer_is_the_only_maybe(browse: Browse, house: House) -> None:
    async def quotes(quotes: list[Any], trades: list[Any]) -> None:
        house.client._disconnected()

    house.script("quotes", quotes)
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD]})
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/outcome-unknown")


async def test_a_defect_behind_the_door_is_internal_and_says_nothing(browse: Browse, house: House) -> None:
    def quotes(quotes: list[Any], trades: list[Any]) -> None:
        raise RuntimeError("password is hunter2")

    house.script("quotes", quotes)
    answer = await browse().post("/v1/quotes", json={"quotes": [GOOD]})
    assert answer.status_code == 500
    assert "hunter2" not in answer.text


async def test_instruments_and_quotes_are_listed_and_found_by_symbol(browse: Browse, house: House) -> None:
    http = browse()
    assert {each["symbol"] for each in (await http.get("/v1/instruments")).json()["items"]} == {
        "AAPL",
        "MSFT",
        "BTC/USD",
    }
    assert (await http.get("/v1/instruments/BTC%2FUSD")).json()["lot_size"] == "0.0001"
    assert (await http.get("/v1/instruments/NONE")).status_code == 404
    assert (await http.get("/v1/quotes/AAPL")).json()["quote"]["ask_px"] == "187.25"
    assert (await http.get("/v1/quotes/BTC%2FUSD")).status_code == 404
    assert [each["symbol"] for each in (await http.get("/v1/quotes")).json()["items"]] == ["AAPL", "MSFT"]
    assert [each["symbol"] for each in (await http.get("/v1/quotes?symbols=MSFT,NONE")).json()["items"]] == ["MSFT"]
