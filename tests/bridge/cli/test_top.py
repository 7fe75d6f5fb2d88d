"""`fixbridge top`, driven by textual's pilot against a real daemon."""

import asyncio

import pytest

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import Static

from bridge.cli import top
from bridge.cli.top_screen import Pane, Top
from tests.bridge.cli.conftest import Running


@pytest.fixture
def screen(daemon: Running) -> Top:
    return Top(daemon.data_dir / "control.sock", daemon.data_dir / "journal")


async def until(pilot: Pilot[None], true) -> None:
    """Let the screen run until something holds, at most ten seconds."""
    async with asyncio.timeout(10):
        while not true():
            await pilot.pause(0.05)


def table(app: Top, name: str) -> list[list[str]]:
    pane = app.query_one(f"#{name}", Pane)
    return [[cell.plain for cell in pane.get_row_at(row)] for row in range(pane.row_count)]


def head(app: Top) -> str:
    return str(app.query_one("#head", Static).render())


async def entered(daemon: Running, *order: str) -> str:
    said = await asyncio.to_thread(daemon.run, "orders", "new", *order)
    assert said.returncode == 0, said.stderr
    return said.stdout.split(":")[0].removeprefix("order ")


async def test_it_shows_sessions_brokers_limits_latency_and_the_money(daemon, screen):
    await entered(daemon, "buy", "AAPL", "1")
    async with screen.run_test(size=(160, 50)) as pilot:
        await until(pilot, lambda: table(screen, "sessions") and "seq" in head(screen))
        assert table(screen, "sessions")[0][:2] == ["STRATEGY", "down"]
        assert table(screen, "brokers")[0][:3] == ["paper", "paper", "ready"]
        await until(pilot, lambda: any(row[0] == "PAPER" and row[1].startswith("R") for row in table(screen, "limits")))
        assert any(row[0] == "wire to ack" and row[1] == "paper" for row in table(screen, "latency"))
        await until(pilot, lambda: "USD" in head(screen))
        for part in ("fixbridge local", "PAPER", "TRADING active", "OPEN"):
            assert part in head(screen)
        assert not screen.query_one("#head").has_class("stale")


async def test_an_order_appears_and_goes_and_f_shows_it_again(daemon, screen):
    async with screen.run_test(size=(160, 50)) as pilot:
        order = await entered(daemon, "buy", "KO", "5", "--limit", "65")
        await until(pilot, lambda: any(row[0] == order for row in table(screen, "orders")))
        (row,) = [row for row in table(screen, "orders") if row[0] == order]
        assert row[3:8] == ["KO", "buy", "5", "65", "new"]
        await asyncio.to_thread(daemon.run, "orders", "cancel", order)
        await until(pilot, lambda: all(row[0] != order for row in table(screen, "orders")))
        await pilot.press("f")
        await until(pilot, lambda: any(row[0] == order and row[7] == "canceled" for row in table(screen, "orders")))
        assert "all" in str(screen.query_one("#orders", Pane).border_title)


async def test_p_holds_the_picture_and_lets_it_go_on(daemon, screen):
    async with screen.run_test(size=(160, 50)) as pilot:
        await until(pilot, lambda: "seq" in head(screen))
        await pilot.press("p")
        assert "HELD" in head(screen)
        order = await entered(daemon, "buy", "PG", "1", "--limit", "160")
        await pilot.pause(1.0)
        assert all(row[0] != order for row in table(screen, "orders"))
        await pilot.press("p")
        await until(pilot, lambda: any(row[0] == order for row in table(screen, "orders")))
        await asyncio.to_thread(daemon.run, "orders", "cancel", order)


async def test_q_leaves(screen):
    async with screen.run_test() as pilot:
        await pilot.press("q")
    assert screen.return_code == 0


async def test_a_daemon_that_has_gone_is_said_in_red_and_its_last_orders_stay(tmp_path):
    running = await asyncio.to_thread(Running, tmp_path)
    try:
        order = await entered(running, "buy", "KO", "5", "--limit", "65", "--tif", "gtc")
        app = Top(running.data_dir / "control.sock", running.data_dir / "journal")
        async with app.run_test(size=(160, 50)) as pilot:
            await until(pilot, lambda: "seq" in head(app) and bool(table(app, "orders")))
            assert await asyncio.to_thread(running.stop) == 0
            await until(pilot, lambda: "no daemon answers" in head(app))
            assert app.query_one("#head").has_class("stale")
            assert table(app, "orders")[0][0] == order
    finally:
        running.process.kill()


def test_without_its_library_it_says_what_to_install(invoke, monkeypatch):
    monkeypatch.setattr(top, "find_spec", lambda name: None)
    said = invoke("top")
    assert said.exit_code == 1
    assert "pip install 'fixbridge[top]'" in said.stderr


def test_without_a_journal_it_says_so(invoke, tmp_path):
    said = invoke("top", "--data-dir", str(tmp_path))
    assert said.exit_code == 1
    assert "no journal in" in said.stderr
