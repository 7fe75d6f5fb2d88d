"""A QuickFIX client against a daemon with default settings.

`make run`, then in another terminal `.venv/bin/python examples/quickfix/trade.py` (it needs `make dev`, for quickfix).
Buys ten shares at the market, offers them above it, comes down with a replace, cancels, and sells at the market.
"""

import sys
from decimal import Decimal
from pathlib import Path

from client import BUY, LIMIT, MARKET, SELL, STATUS, Client, Order


def show(what: str, order: Order) -> None:
    fills = ", ".join(f"{fill.qty} at {fill.px}" for fill in order.fills)
    print(f"{what:<10} {order}: {STATUS.get(order.status, order.status)} {fills}{order.text}{order.refusal}".rstrip())


def main() -> int:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else None
    client = Client(str(Path(__file__).with_name("client.cfg")), port=port)
    try:
        client.start()
    except TimeoutError as error:
        print(f"{error}\nIs the daemon running? (make run)", file=sys.stderr)
        client.stop()
        return 1
    try:
        bought = client.enter("AAPL", BUY, 10, MARKET)
        client.wait(bought)
        show("bought", bought)
        if not bought.fills:
            return 1
        paid = bought.fills[-1].px

        offer = client.enter("AAPL", SELL, 10, LIMIT, price=paid + Decimal("2.00"))
        client.wait(offer, status="0")
        show("offered", offer)
        client.replace(offer, paid + Decimal("1.00"))
        client.wait_replaced(offer)
        show("replaced", offer)
        client.cancel(offer)
        client.wait(offer)
        show("canceled", offer)

        sold = client.enter("AAPL", SELL, 10, MARKET)
        client.wait(sold)
        show("sold", sold)
        return 0 if sold.status == "2" and offer.status == "4" else 1
    finally:
        client.stop()


if __name__ == "__main__":
    sys.exit(main())
