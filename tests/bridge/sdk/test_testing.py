"""A whole bridge in the test process, and everything that talks to it: SDK, FIX by hand, the example of the docs."""

import textwrap
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

import bridge.sdk
from bridge.sdk import Refused
from bridge.sdk.fix import (
    FixClient,
    LoggedOut,
    describe,
    new_order_single,
    order_cancel_replace_request,
    order_cancel_request,
)
from bridge.sdk.testing import PaperBridge, paper

together = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[PaperBridge]:
    async with paper() as live:
        yield live


@together
async def test_orders_fill_at_the_paper_broker(live: PaperBridge) -> None:
    order = await live.buy("AAPL", "10", wait=5)
    assert order.ord_status == "filled"
    assert [position.symbol for position in await live.positions()] == ["AAPL"]


@together
async def test_risk_is_the_real_one(live: PaperBridge) -> None:
    with pytest.raises(Refused) as caught:
        await live.buy("AAPL", "10001", limit="100")
    assert caught.value.rule == "R02"


async def away(live: PaperBridge, cents: int = 0) -> Decimal:
    """A buying price for MSFT that does not trade and is not refused as a typing error."""
    quote = (await live.quotes("MSFT"))["MSFT"].quote
    assert quote is not None
    assert quote.bid_px is not None
    return (quote.bid_px * Decimal("0.98")).quantize(Decimal("0.01")) + Decimal(cents) / 100


@together
async def test_paper_takes_a_post_only_order_and_refuses_one_that_would_trade(live: PaperBridge) -> None:
    order = await live.buy("MSFT", "5", limit=await away(live, 7), exec_inst=["participate_do_not_initiate"], wait=5)
    assert order.ord_status == "new"
    await order.cancel()
    ask = (await live.quotes("MSFT"))["MSFT"].quote.ask_px
    crossing = await live.buy("MSFT", "5", limit=ask + 1, exec_inst=["participate_do_not_initiate"], wait=5)
    assert crossing.ord_status == "rejected"


@together
async def test_what_comes_by_fix_is_seen_over_rest_and_the_other_way_round(live: PaperBridge) -> None:
    async with FixClient(port=live.fix_port) as client:
        await client.send(new_order_single("F-1", "MSFT", "buy", "10", price=await away(live), account="PAPER"))
        new = await client.receive()
        assert (new.get(35), new.get(150), new.get(11)) == (b"8", b"0", b"F-1")
        order = await live.order_by_cl_ord_id("F-1", session="STRATEGY")
        assert order.state.session_id == "STRATEGY"
        await client.send(
            order_cancel_replace_request("F-2", "F-1", "MSFT", "buy", "12", price=await away(live, 1), account="PAPER")
        )
        assert [(await client.receive()).get(150) for _ in range(2)] == [b"E", b"5"]
        await order.cancel()
        await order.done(within=5)
        told = await client.receive()
        assert (told.get(150), told.get(39), told.get(37)) == (b"4", b"4", str(order.order_id).encode()), describe(told)


@together
async def test_a_cancel_by_fix_ends_a_live_order(live: PaperBridge) -> None:
    async with FixClient(port=live.fix_port) as client:
        await client.send(new_order_single("F-10", "MSFT", "buy", "11", price=await away(live), account="PAPER"))
        await client.receive()
        order = await live.order_by_cl_ord_id("F-10", session="STRATEGY")
        await client.send(order_cancel_request("F-11", "F-10", "MSFT", "buy", account="PAPER"))
        await order.done(within=5)
        last = [await client.receive() for _ in range(2)][-1]
        assert "150=4" in describe(last)


@together
async def test_a_refused_logon_says_why(live: PaperBridge) -> None:
    with pytest.raises(LoggedOut):
        async with FixClient(port=live.fix_port, sender="NOBODY"):
            pass


def test_fix_words_and_floats_are_checked() -> None:
    with pytest.raises(ValueError, match="is no Side"):
        new_order_single("F-1", "AAPL", "bu", "1")
    with pytest.raises(TypeError):
        new_order_single("F-1", "AAPL", "buy", 1.5)


@together
async def test_the_example_in_the_documentation_runs(live: PaperBridge, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bridge.sdk.__doc__ is not None
    lines = [line for line in bridge.sdk.__doc__.splitlines() if line.startswith("    ")]
    example = textwrap.dedent("\n".join(lines))
    example = example.replace('"http://127.0.0.1:8080", token_file="~/.fixbridge/token"', f'"{live.url}"')
    example = example.replace('limit="187.25", account="ACC1"', 'account="PAPER"')
    names: dict[str, object] = {"Bridge": bridge.sdk.Bridge, "print": lambda *said: names.setdefault("said", said)}
    exec(f"async def main():\n{textwrap.indent(example, '    ')}", names)
    await names["main"]()  # type: ignore[operator]
    assert "@" in names["said"]  # type: ignore[operator]
