"""The initiator over real sockets: dialling, retrying, addresses in turn, hours."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sessions.acceptor import Acceptor
from sessions.admission import AdmissionLimits
from sessions.clock import SystemClock
from sessions.config import SessionConfig, SessionId
from sessions.initiator import Initiator
from sessions.schedule import Schedule
from sessions.store import FileStore, MemoryStore
from tests.sessions.conftest import Recorder
from tests.sessions.peer import an_order

CLOCK = SystemClock()


@pytest.fixture
async def broker():
    """An acceptor on the other side."""
    application = Recorder()
    made = []

    async def start(port=0, stores=None):
        store = MemoryStore() if stores is None else stores
        config = SessionConfig(name="BROKER", id=SessionId("BROKER", "US"))
        admission = AdmissionLimits(refusal_seconds=0.0)
        made.append(Acceptor([config], lambda c: store, application, CLOCK, port=port, admission=admission))
        made[-1].application = application
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        if each.endpoints:
            await each.stop(timeout_seconds=0.5)


@pytest.fixture
async def dial(recorder):
    made = []

    async def start(*ports, store=None, retry_seconds=0.02, **settings):
        config = SessionConfig(name="OURS", id=SessionId("US", "BROKER"), **settings)
        addresses = [("127.0.0.1", port) for port in ports]
        made.append(
            Initiator(config, store or MemoryStore(), recorder, CLOCK, addresses=addresses, retry_seconds=retry_seconds)
        )
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        await each.stop(timeout_seconds=0.5)


async def test_it_dials_until_somebody_answers(broker, dial, recorder, unused_tcp_port):
    ours = await dial(unused_tcp_port)
    await asyncio.sleep(0.1)
    assert ours.status().state == "disconnected"
    await broker(unused_tcp_port)
    await recorder.until("logon")
    assert ours.status().state == "logged_on"


async def test_it_tries_its_addresses_in_turn(broker, dial, recorder, unused_tcp_port_factory):
    dead = unused_tcp_port_factory()
    theirs = await broker()
    await dial(dead, theirs.port)
    await recorder.until("logon")


async def test_it_dials_again_after_the_connection_is_lost_and_misses_nothing(broker, dial, recorder, tmp_path):
    theirs = await broker()
    ours = await dial(theirs.port, store=FileStore(tmp_path / "ours"))
    await recorder.until("logon")
    theirs.endpoints["BROKER"].connection.transport.abort()
    await recorder.until("logout")
    for number in range(20):
        theirs.send("BROKER", an_order(f"t{number}"))
        ours.send(an_order(f"o{number}"))
    await recorder.until("message", 20)
    assert [message.cl_ord_id for _, message in recorder.messages] == [f"t{n}" for n in range(20)]
    await theirs.application.until("message", 20)
    assert [message.cl_ord_id for _, message in theirs.application.messages] == [f"o{n}" for n in range(20)]


async def test_a_disabled_session_ends_and_is_not_dialled(broker, dial, recorder):
    theirs = await broker()
    ours = await dial(theirs.port)
    await recorder.until("logon")
    ours.disable("pause")
    await recorder.until("logout")
    await asyncio.sleep(0.1)
    assert recorder.count("logon") == 1
    ours.enable()
    await recorder.until("logon", 2)


async def test_outside_the_hours_nothing_is_dialled(broker, dial):
    theirs = await broker()
    now = datetime.now(UTC)
    begin, end = (now + timedelta(hours=2)).time(), (now + timedelta(hours=3)).time()
    ours = await dial(
        theirs.port, schedule=Schedule(begin=begin.replace(microsecond=0), end=end.replace(microsecond=0))
    )
    await asyncio.sleep(0.1)
    assert ours.status().state == "disconnected"
    assert not ours.status().in_hours
    assert ours.status().reason == ""


async def test_stop_interrupts_a_dial_that_gets_no_answer(dial):
    """An address that swallows packets must not delay the end."""
    ours = await dial(9)
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await ours.stop()


async def test_an_initiator_without_an_address_is_a_mistake(recorder):
    config = SessionConfig(name="OURS", id=SessionId("US", "BROKER"))
    with pytest.raises(ValueError, match="address"):
        Initiator(config, MemoryStore(), recorder, CLOCK, addresses=[])
