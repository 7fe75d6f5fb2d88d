"""The console in a real browser: walked through, read by axe, silent in its own console, smooth under load.

FIXBRIDGE_SCREENSHOTS names a directory to leave pictures in; the documentation's come from there.
"""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.outputs.http.console_files import DIRECTORY
from bridge.outputs.http.principal import Role
from bridge.outputs.http.server import HttpServer, serve
from bridge.vitals import Vitals

from .conftest import Browse, House
from .test_orders import ORDER, entered
from .test_streams import _entrant, _order

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CI = os.environ.get("CI") == "true"
try:
    from playwright.async_api import Page, async_playwright, expect
except ImportError:
    if CI:
        raise
    browser_absent = "playwright is not installed"
else:
    browser_absent = "" if CHROMIUM or CI else "chromium is not installed"

in_browser = pytest.mark.skipif(bool(browser_absent), reason=browser_absent)
PAGES = ("/", "/orders", "/positions", "/risk", "/sessions", "/brokers", "/cost", "/journal", "/settings", "/entries/1")


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/orders", "/orders/17", "/entries/4", "/risk"])
async def test_every_page_is_served_without_a_token_and_asks_for_one_itself(browse: Browse, path: str) -> None:
    answer = await browse(open_loopback=False).get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]


async def test_files_are_served_once_and_then_confirmed(browse: Browse, house: House) -> None:
    http = browse(open_loopback=False)
    script = await http.get("/console/app.js")
    assert script.headers["content-type"].startswith("text/javascript")
    again = await http.get("/console/app.js", headers={"if-none-match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await http.get("/console/vendor.py")).status_code == 401
    assert (await http.get("/console/../server.py")).status_code == 401
    assert ("/console", "GET", 200) in house.observed


def test_what_is_vendored_is_what_was_checked() -> None:
    vendor = DIRECTORY / "vendor"
    sums = dict(reversed(line.split()) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {path.name for path in vendor.iterdir()} - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name


def test_nothing_is_fetched_from_another_host_and_nothing_is_inline() -> None:
    for path in DIRECTORY.rglob("*"):
        if path.suffix in (".html", ".js", ".css") and "vendor" not in path.parts:
            text = path.read_text()
            assert not re.search(r"https?://(?!www\.w3\.org)", text), path
            if path.suffix == ".html":
                assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", text), path


# --- in the browser --------------------------------------------------------------------------------------------------


def vitals() -> dict[str, Any]:
    """A small desk as the engine tells it."""
    told = Vitals()
    session = told.session("ALPHA1")
    session.up, session.next_in, session.next_out = True, 1284, 3902
    told.session("DROP").in_hours = True
    told.broker("paper").unready = ""
    for account in ("ACC1", "ACC2"):
        told.account(account)
    told.accounts["ACC1"].equity = Decimal("1000248.50")
    told.accounts["ACC1"].day_pnl = Decimal("248.50")
    told.use("ACC1", "R09", Decimal(46500), Decimal(50000))
    told.use("ACC1", "R10", Decimal(72), Decimal(100))
    for _ in range(50):
        told.stage("recv_to_wire", "paper").observe(310_000)
    return told.snapshot(1_795_442_400_000_000_000)


@pytest.fixture
async def server(house: House) -> AsyncIterator[HttpServer]:
    house.vitals(**vitals())
    server = await serve(house.app(), "127.0.0.1", 0)
    yield server
    await server.stop()


Open = Callable[..., Any]


@pytest.fixture
async def page(server: HttpServer) -> AsyncIterator[Open]:
    """`await page(path="/", scheme="dark", width=360)`; complaints of the browser fail the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        async def open_page(
            path: str = "/", *, scheme: Any = "light", width: int = 1360, url: str = server.url, quiet: bool = True
        ) -> Page:
            context = await browser.new_context(
                viewport={"width": width, "height": 860}, color_scheme=scheme, timezone_id="UTC"
            )
            page = await context.new_page()
            if quiet:
                page.on(
                    "console",
                    lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
                )
                page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(url + path)
            return page

        yield open_page
        await browser.close()
    assert complaints == []


async def picture(page: "Page", name: str) -> None:
    directory = os.environ.get("FIXBRIDGE_SCREENSHOTS")
    if directory:
        await page.screenshot(path=Path(directory) / f"console-{name}.png")


async def violations(page: "Page") -> list[str]:
    from axe_playwright_python.async_playwright import Axe

    found = await Axe().run(page)
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found.response["violations"]]


@in_browser
async def test_log_in_trade_see_it_trip_a_limit_kill_and_resume(house: House, page: Open) -> None:
    secret, _ = house.tokens.create("carla", Role.ADMIN)
    locked = await serve(house.app(open_loopback=False), "127.0.0.1", 0)
    tab = await page(url=locked.url, quiet=False)
    await tab.get_by_label("Token").fill("fbt_wrong")
    await tab.get_by_role("button", name="Log in").click()
    await expect(tab.get_by_role("alert")).to_contain_text("unknown")
    await tab.get_by_label("Token").fill(secret)
    await tab.get_by_role("button", name="Log in").click()
    await expect(tab).to_have_title("PAPER Desk · local")
    await expect(tab.locator("header .state")).to_contain_text("live")

    # place: first a dry run, then for real
    await tab.keyboard.press("g")
    await tab.keyboard.press("o")
    await expect(tab).to_have_url(re.compile("/orders$"))
    ticket = tab.get_by_role("region", name="Ticket")
    await ticket.get_by_label("Symbol").fill("aapl")
    await ticket.get_by_label("Quantity").fill("1000")
    await ticket.get_by_label("Price", exact=True).fill("187.25")
    await ticket.get_by_role("button", name="Dry run").click()
    await expect(ticket.get_by_text("Would be refused: MAX_VALUE")).to_be_visible()
    await expect(ticket.get_by_text("bid 187.20")).to_be_visible()
    await ticket.get_by_role("button", name="Send buy").click()
    await expect(ticket.get_by_role("alert")).to_contain_text("MAX_VALUE R03")
    await ticket.get_by_label("Quantity").fill("100")
    await ticket.get_by_role("button", name="Send buy").click()
    orders = tab.get_by_role("region", name="Orders table")
    await expect(orders.get_by_role("row").nth(1)).to_contain_text("new")
    await picture(tab, "orders")

    # replace, see the fill, cancel the rest
    await orders.get_by_role("button", name=re.compile("Replace order")).first.click()
    dialog = tab.get_by_role("dialog")
    await dialog.get_by_label("Price", exact=True).fill("187.30")
    await dialog.get_by_role("button", name="Replace").click()
    await expect(orders.get_by_role("row").nth(1)).to_contain_text("187.30")
    order = next(iter(house.room.desk.blotter.open_orders()))
    house.room.broker.fill(order, "40")
    await expect(orders.get_by_role("row").nth(1)).to_contain_text("partially filled")
    await orders.get_by_role("button", name=re.compile("Cancel order")).first.click()
    await expect(orders.get_by_role("row").nth(1)).to_contain_text("canceled")
    await orders.get_by_role("row").nth(1).get_by_role("link").first.click()
    await expect(tab.get_by_role("region", name="What happened")).to_contain_text("order canceled")
    await expect(tab.get_by_role("region", name="What happened")).to_contain_text("last px(31) 187.25")
    await picture(tab, "order")

    # kill with a reason, look at the proof, resume
    await tab.get_by_role("button", name="Kill switch").click()
    kill = tab.get_by_role("dialog", name="Kill switch")
    await expect(kill.get_by_role("button", name="Kill")).to_be_disabled()
    await kill.get_by_label("Scope").select_option("ACC1")
    await kill.get_by_label("Reason").fill("runaway")
    await kill.get_by_role("button", name="Kill").click()
    await expect(tab.get_by_text("under way")).to_be_visible()
    for _ in range(5):
        house.room.clock.advance(1.1)
        house.room.limits.tick()
        await asyncio.sleep(0.05)
    await expect(tab.get_by_text("killed, nothing left")).to_be_visible()
    states = tab.get_by_role("region", name="Trading states", exact=True)
    await expect(states).to_contain_text("cancel only")
    await picture(tab, "risk")
    await states.get_by_role("button", name="Resume").click()
    await tab.get_by_role("dialog").get_by_label("Reason").fill("fixed")
    await tab.get_by_role("dialog").get_by_role("button", name="resume").click()
    await expect(states).to_contain_text("Everything is active")
    assert [entry.event.who for entry in house.room.entries() if hasattr(entry.event, "who")] == ["REST:carla"] * 2

    await tab.get_by_role("button", name="Log out").click()
    await expect(tab.get_by_label("Token")).to_be_visible()
    await locked.stop()


@in_browser
async def test_a_lost_stream_is_said_and_regained_without_a_gap(house: House, page: Open) -> None:
    first = await serve(house.app(), "127.0.0.1", 0)
    port = first.port
    tab = await page("/orders", url=first.url, quiet=False)
    async with httpx.AsyncClient(base_url=first.url) as http:
        await entered(http, cl_ord_id="A-1")
    await expect(tab.get_by_role("cell", name="A-1")).to_be_visible()
    await first.stop()
    await expect(tab.locator("header .state")).to_contain_text("stale since")
    await expect(tab.locator(".stale-figures")).to_have_count(1)
    await house.room.orders.new_order(_order("A-2", ""), _entrant(), "x")
    second = await serve(house.app(), "127.0.0.1", port)
    await expect(tab.locator("header .state")).to_contain_text("live", timeout=10_000)
    await expect(tab.get_by_role("cell", name="A-2")).to_be_visible()
    await second.stop()


@in_browser
@pytest.mark.skipif(importlib.util.find_spec("axe_playwright_python") is None, reason="axe is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_page(house: House, server: HttpServer, page: Open, scheme: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        order = await entered(http, ord_type="market", price=None, strategy="MOMO")
        await entered(http, cl_ord_id="A-2")
        await http.post("/v1/orders", json={**ORDER, "cl_ord_id": "A-3", "order_qty": "1000"})
        await http.post("/v1/brokers/paper/reconcile")
        await http.post("/v1/risk/halt", json={"scope": "symbol", "name": "MSFT", "reason": "news"})
    for second in range(90):
        house.charts.take(1_795_442_400 + second, vitals())
    tab = await page(scheme=scheme)
    for path in (*PAGES, f"/orders/{order['order_id']}"):
        await tab.goto(server.url + path)
        await expect(tab.locator("header .state")).to_contain_text("live")
        await asyncio.sleep(0.4)  # the reads a page makes at first
        assert await violations(tab) == [], path
        await picture(tab, f"{path.strip('/').replace('/', '-') or 'desk'}-{scheme}")


@in_browser
async def test_it_can_be_read_on_a_phone(server: HttpServer, page: Open) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        await entered(http, ord_type="market", price=None)
    tab = await page("/", width=360)
    for path in ("/", "/orders", "/risk", "/cost"):
        await tab.goto(server.url + path)
        await expect(tab.locator("header .state")).to_contain_text("live")
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 360, path
    await picture(tab, "phone")


@in_browser
async def test_everything_is_reached_by_keyboard(server: HttpServer, page: Open) -> None:
    tab = await page("/")
    await expect(tab.locator("header .state")).to_contain_text("live")
    for letter, path in (("r", "/risk"), ("j", "/journal"), ("o", "/orders")):
        await tab.keyboard.press("g")
        await tab.keyboard.press(letter)
        await expect(tab).to_have_url(re.compile(f"{path}$"))
    await tab.keyboard.press("/")
    await tab.keyboard.type("msft")
    await expect(tab).to_have_url(re.compile(r"q=msft$"))
    await tab.keyboard.press("Escape")
    await tab.keyboard.press("?")
    await expect(tab.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await tab.keyboard.press("Escape")
    await expect(tab.get_by_role("dialog", name="Keyboard")).to_be_hidden()


@in_browser
async def test_a_live_page_asks_for_the_accounts_name(house: House, server: HttpServer, page: Open) -> None:
    house.services.about.mode = "live"
    tab = await page("/orders")
    await expect(tab).to_have_title("LIVE Orders · local")
    await expect(tab.locator("html.live header .mode")).to_have_text("LIVE")
    ticket = tab.get_by_role("region", name="Ticket")
    await ticket.get_by_label("Symbol").fill("AAPL")
    await ticket.get_by_label("Quantity").fill("1")
    await ticket.get_by_label("Price", exact=True).fill("187.25")
    await ticket.get_by_role("button", name="Send buy").click()
    dialog = tab.get_by_role("dialog", name="Send to the market")
    await expect(dialog.get_by_role("button", name="Send")).to_be_disabled()
    await dialog.get_by_label("Type ACC1").fill("ACC1")
    await dialog.get_by_role("button", name="Send").click()
    await expect(tab.get_by_role("region", name="Orders table").get_by_role("row").nth(1)).to_contain_text("new")
    await tab.get_by_role("button", name="Kill switch").click()
    kill = tab.get_by_role("dialog", name="Kill switch")
    await kill.get_by_label("Reason").fill("x")
    await expect(kill.get_by_role("button", name="Kill")).to_be_disabled()
    await kill.get_by_label("Type ALL").fill("ALL")
    await expect(kill.get_by_role("button", name="Kill")).to_be_enabled()


@in_browser
async def test_who_may_not_trade_sees_no_ticket(house: House, page: Open) -> None:
    secret, _ = house.tokens.create("reader", Role.READ)
    locked = await serve(house.app(open_loopback=False), "127.0.0.1", 0)
    tab = await page("/orders", url=locked.url, quiet=False)
    await tab.get_by_label("Token").fill(secret)
    await tab.get_by_role("button", name="Log in").click()
    await expect(tab.get_by_role("heading", name=re.compile("Orders"), level=2)).to_be_visible()
    await expect(tab.get_by_role("region", name="Ticket")).to_have_count(0)
    await expect(tab.get_by_role("button", name="Kill switch")).to_have_count(0)
    await locked.stop()


SMOOTH = """
async ({orders, rate, seconds}) => {
  const { store, changed } = await import("/console/store.js");
  const template = { account: "ACC1", symbol: "AAPL", side: "buy", ord_type: "limit", time_in_force: "day",
    order_qty: "100", price: "187.25", cum_qty: "0", leaves_qty: "100", avg_px: "0", session_id: "ALPHA1",
    received: "2026-11-23T14:00:00Z" };
  for (let id = 1; id <= orders; id += 1)
    store.orders.set(id, { ...template, order_id: id, cl_ord_id: `L-${id}`, ord_status: "new", last_seq: id });
  changed();
  await new Promise((done) => setTimeout(done, 500));
  let frames = 0, long = 0;
  const observer = new PerformanceObserver((list) => { long += list.getEntries().length; });
  observer.observe({ type: "longtask" });
  const began = performance.now();
  let sent = 0;
  await new Promise((done) => {
    const frame = () => {
      frames += 1;
      const due = Math.floor((performance.now() - began) / 1000 * rate);
      for (; sent < due; sent += 1) {
        const id = 1 + (sent * 7919) % orders;
        store.orders.set(id, { ...store.orders.get(id), cum_qty: String(sent % 100), ord_status: "partially_filled" });
      }
      changed();
      if (performance.now() - began < seconds * 1000) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  observer.disconnect();
  return { fps: frames / seconds, long, rows: document.querySelectorAll("main tbody tr").length };
}
"""


@in_browser
@pytest.mark.long
async def test_ten_thousand_orders_and_five_hundred_updates_a_second_stay_smooth(
    server: HttpServer, page: Open
) -> None:
    tab = await page("/orders")
    await expect(tab.locator("header .state")).to_contain_text("live")
    measured = await tab.evaluate(SMOOTH, {"orders": 10_000, "rate": 500, "seconds": 5})
    assert measured["rows"] < 100
    assert measured["fps"] > 30, measured
