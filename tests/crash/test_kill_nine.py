"""kill -9 at every named crash point of the order path and at random moments: nothing lost, nothing doubled
(DURABILITY 14, 15).
"""

import os
import random

import pytest
from daemon import Daemon, Trader, check, settle

POINTS = [
    "gateway.read@5",
    "journal.append@9",
    "journal.written@9",
    "gate.release@20",
    "gate.between@33",
    "router.submit@6",
    "router.submit.sent@6",
    "router.cancel@2",
    "router.cancel.sent@2",
    "router.replace@2",
    "router.replace.sent@2",
    "report.read@8",
    "fix.encoded@7",
    "fix.stored@7",
    "gateway.handled@6",
    "gateway.logged_on",
]
STARTS = ["journal.opened", "journal.opened.flushed", "recovery.done", "daemon.recovered", "daemon.connected"]
SYNC = ["journal.flush@6", "journal.flushed@6", "journal.durable@6", "gate.release@12", "router.submit.sent@4"]


def armed(point: str) -> str:
    name, _, at = point.partition("@")
    return f"{name}=kill" + (f"@{at}" if at else "")


def die_at(tmp_path, mode, point):
    """Trade until the daemon dies at the point, start it again, go on trading, and check."""
    daemon = Daemon(tmp_path, mode)
    trader = Trader(daemon.port)
    daemon.start(armed(point))
    trader.client.connect()
    trader.mix(24, 0.005)
    assert daemon.died(), f"{point} was never passed\n{daemon.tail()}"
    assert daemon.process.returncode == -9
    daemon.start()
    assert trader.client.connect(), daemon.tail()
    trader.mix(8, 0.005)
    settle(daemon, trader)
    return check(daemon, trader)


@pytest.mark.parametrize("point", POINTS)
def test_a_daemon_killed_at_a_point_of_the_order_path_loses_and_doubles_nothing(tmp_path, point):
    assert die_at(tmp_path, "write", point)["filled"]


@pytest.mark.parametrize("point", SYNC)
def test_the_same_holds_when_effects_wait_for_the_disk(tmp_path, point):
    assert die_at(tmp_path, "sync", point)


@pytest.mark.parametrize("point", STARTS)
def test_a_daemon_killed_while_it_starts_recovers_the_next_time(tmp_path, point):
    daemon = Daemon(tmp_path)
    trader = Trader(daemon.port)
    daemon.start()
    assert trader.client.connect(), daemon.tail()
    trader.mix(8, 0.005)
    daemon.kill()
    daemon.start(armed(point))
    assert daemon.died(), f"{point} was never passed\n{daemon.tail()}"
    daemon.start()
    assert trader.client.connect(), daemon.tail()
    trader.mix(4, 0.005)
    settle(daemon, trader)
    assert check(daemon, trader)["filled"]


def kill_at_random(tmp_path, mode, kills, seed):
    chance = random.Random(seed)
    daemon = Daemon(tmp_path, mode)
    trader = Trader(daemon.port)
    daemon.start()
    for _ in range(kills):
        assert trader.client.connect(), daemon.tail()
        trader.mix(chance.randrange(1, 40), chance.choice([0.0, 0.001, 0.01]))
        daemon.kill()
        trader.client.read(0.01)
        daemon.start()
    settle(daemon, trader)
    return check(daemon, trader)


@pytest.mark.parametrize("mode", ["write", "sync"])
def test_a_daemon_killed_at_random_moments_loses_and_doubles_nothing(tmp_path, mode):
    kill_at_random(tmp_path, mode, 4, 7)


@pytest.mark.crash
@pytest.mark.parametrize("mode", ["write", "sync"])
def test_hundreds_of_kills_at_random_moments(tmp_path, mode):
    kills = int(os.environ.get("CRASH_KILLS", "500")) // 2
    seed = int(os.environ.get("CRASH_SEED", "1"))
    done = 0
    while done < kills:
        directory = tmp_path / f"{mode}{done}"
        directory.mkdir()
        print(mode, done, kill_at_random(directory, mode, min(25, kills - done), seed + done), flush=True)
        done += 25


def test_after_a_stop_of_the_machine_outbound_numbers_jump_and_nothing_is_used_twice(tmp_path):
    """The kernel's boot id differs, so what was only written may be gone: numbers go on above everything reserved."""
    daemon = Daemon(tmp_path)
    trader = Trader(daemon.port)
    daemon.start()
    assert trader.client.connect(), daemon.tail()
    trader.mix(8, 0.005)
    trader.client.quiet()
    daemon.kill()
    trader.client.read(0.05)
    before = trader.client.next_in
    daemon.start("machine.stopped=stall:0")
    settle(daemon, trader)
    assert trader.client.gaps, "the client found a gap and asked"
    assert trader.client.next_in > before + 500
    assert check(daemon, trader)["filled"]
