"""Our two roles against a real QuickFIX C++ engine."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import trustme

from fixspec.enums import OrdType, Side
from fixspec.messages import NewOrderSingle, TestRequest
from sessions.acceptor import Acceptor
from sessions.clock import SystemClock
from sessions.config import Limits, SessionConfig, SessionId
from sessions.initiator import Initiator
from sessions.store import FileStore
from sessions.tls import client_context, server_context


def order(name):
    return NewOrderSingle(
        cl_ord_id=name,
        symbol="IBM",
        side=Side.BUY,
        transact_time=datetime.now(UTC),
        order_qty=Decimal(10),
        ord_type=OrdType.LIMIT,
        price=Decimal("1.5"),
    )


@pytest.fixture
async def acceptor(recorder, tmp_path):
    made = []

    async def start(ssl=None, **settings):
        config = SessionConfig(name="STRATEGY", id=SessionId("BRIDGE", "CLIENT"), **settings)
        made.append(Acceptor([config], lambda c: FileStore(tmp_path / c.name), recorder, SystemClock(), ssl=ssl))
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        if each.endpoints:
            await each.stop()


async def test_quickfix_logs_on_sends_orders_gets_answers_and_logs_out(quickfix, acceptor, recorder):
    ours = await acceptor()
    recorder.on_each = lambda session_id, header, message: ours.send(session_id, order("answer-" + message.cl_ord_id))
    peer = await quickfix("initiator", ours.port)
    await peer.until("logon")
    peer.do("order a b c")
    await peer.until("app", "11=answer-c")
    assert [message.cl_ord_id for _, message in recorder.messages] == ["a", "b", "c"]
    peer.do("logout bye")
    assert (await recorder.until("logout"))[2:] == ("Logout(5) received: bye", True)


async def test_quickfix_gets_what_was_sent_while_it_was_away(quickfix, acceptor, recorder):
    ours = await acceptor(limits=Limits(resend_slice=7))
    for number in range(50):
        ours.send("STRATEGY", order(f"early-{number}"), origin=number + 1)
    peer = await quickfix("initiator", ours.port)
    await peer.until("app", "11=early-49")
    assert [item["raw"].split("|11=")[1].split("|")[0] for item in peer.seen("app")] == [
        f"early-{n}" for n in range(50)
    ]
    assert all("|43=Y|" in item["raw"] for item in peer.seen("app"))
    ours.send("STRATEGY", order("live"))
    await peer.until("app", "11=live")
    assert ours.last_origin("STRATEGY") == 50
    await peer.reaches(ours.status()[0].next_target, ours.status()[0].next_sender)


async def test_we_ask_quickfix_for_what_we_missed_and_get_each_message_once(quickfix, acceptor, recorder):
    ours = await acceptor()
    peer = await quickfix("initiator", ours.port)
    await peer.until("logon")
    peer.do("order a b c d e f")
    await recorder.until("message", 6)
    ours.disconnect("STRATEGY", "pause")
    await peer.until("logout")
    ours.set_next("STRATEGY", target=3)
    recorder.messages.clear()
    await peer.until("logon", count=2)
    await recorder.until("message", 6 + 5)
    assert [message.cl_ord_id for _, message in recorder.messages] == ["b", "c", "d", "e", "f"]
    assert all(header.poss_dup_flag for header, _ in recorder.messages)


async def test_administrative_messages_are_gap_filled_for_quickfix(quickfix, acceptor, recorder):
    ours = await acceptor()
    ours.send("STRATEGY", order("a"))
    peer = await quickfix("initiator", ours.port)
    await peer.until("logon")
    ours.send("STRATEGY", order("b"))
    await peer.until("app", "11=b|")
    peer.do("logout pause")
    await peer.until("logout")
    peer.do("target 1")
    peer.do("logon")
    # Numbers 2 (Logon), 4 (Logout) and 5 (Logon) come as gap fills, 1 and 3 as they were.
    await peer.until("logon", count=2)
    await peer.until("app", "11=b|", count=2)
    filled = await peer.until("admin", "35=4|")
    assert all(part in filled["raw"] for part in ("|34=2|", "|36=3|", "|43=Y|", "|123=Y|", "|122="))


async def test_a_low_number_of_quickfix_gets_a_logout_that_says_what_is_expected(quickfix, acceptor, recorder):
    ours = await acceptor()
    ours.set_next("STRATEGY", target=10)
    peer = await quickfix("initiator", ours.port)
    refused = await peer.until("admin", "35=5|")
    assert "MsgSeqNum too low, expecting 10 but received 1" in refused["raw"]


async def test_quickfix_resets_both_numbers_at_logon(quickfix, acceptor, recorder):
    ours = await acceptor()
    ours.set_next("STRATEGY", sender=20, target=30)
    peer = await quickfix("initiator", ours.port, ResetOnLogon="Y")
    answer = await peer.until("admin", "35=A|")
    assert "|34=1|" in answer["raw"]
    assert "|141=Y|" in answer["raw"]
    await peer.until("logon")
    await peer.reaches(2, 2)
    assert recorder.calls[0][:2] == ("reset", "STRATEGY")


async def test_quickfix_test_request_is_echoed(quickfix, acceptor, recorder):
    ours = await acceptor()
    peer = await quickfix("initiator", ours.port)
    await peer.until("logon")
    peer.do("test_request are-you-there")
    assert "|112=are-you-there|" in (await peer.until("admin", "35=0|"))["raw"]


async def test_a_session_survives_a_restart_of_our_process_with_the_same_numbers(
    quickfix, acceptor, recorder, tmp_path
):
    ours = await acceptor()
    port = ours.port
    peer = await quickfix("initiator", port)
    await peer.until("logon")
    peer.do("order a b")
    await recorder.until("message", 2)
    await ours.stop("restart")
    await peer.until("logout")
    config = SessionConfig(name="STRATEGY", id=SessionId("BRIDGE", "CLIENT"))
    again = Acceptor([config], lambda c: FileStore(tmp_path / c.name), recorder, SystemClock(), port=port)
    await again.start()
    try:
        await peer.until("logon", count=2)
        peer.do("order c")
        await recorder.until("message", 3)
        assert [message.cl_ord_id for _, message in recorder.messages] == ["a", "b", "c"]
        await peer.reaches(again.status()[0].next_target, again.status()[0].next_sender)
    finally:
        await again.stop()


@pytest.fixture
async def initiator(recorder, tmp_path):
    made = []

    async def start(port, ssl=None, **settings):
        config = SessionConfig(name="BROKER", id=SessionId("BRIDGE", "CLIENT"), **settings)
        store = FileStore(tmp_path / "BROKER")
        made.append(
            Initiator(
                config,
                store,
                recorder,
                SystemClock(),
                addresses=[("127.0.0.1", port)],
                retry_seconds=0.1,
                ssl=ssl,
                server_name="localhost",
            )
        )
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        await each.stop()


async def test_we_log_on_to_a_quickfix_acceptor_send_and_log_out(quickfix, initiator, recorder, unused_tcp_port):
    peer = await quickfix("acceptor", unused_tcp_port)
    ours = await initiator(unused_tcp_port)
    await recorder.until("logon")
    ours.send(order("a"))
    await peer.until("app", "11=a|")
    peer.do("order from-broker")
    await recorder.until("message")
    ours.disable("enough")
    assert (await recorder.until("logout"))[2:] == ("enough", True)
    await peer.until("logout")


async def test_a_quickfix_acceptor_asks_us_for_what_we_sent_while_away(quickfix, initiator, recorder, unused_tcp_port):
    ours = await initiator(unused_tcp_port)
    for number in range(20):
        ours.send(order(f"n{number}"))
    peer = await quickfix("acceptor", unused_tcp_port)
    await peer.until("app", "11=n19|")
    assert len(peer.seen("app")) == 20
    await recorder.until("logon")
    await peer.reaches(ours.status().next_target, ours.status().next_sender)


async def test_stale_orders_are_gap_filled_for_a_quickfix_acceptor(quickfix, initiator, recorder, unused_tcp_port):
    ours = await initiator(unused_tcp_port, resend_requests_max_age_seconds=0.2)
    ours.send(order("stale"))
    # The engine's start takes longer than the order may be old.
    peer = await quickfix("acceptor", unused_tcp_port)
    await recorder.until("logon")
    ours.send(order("fresh"))
    await peer.until("app", "11=fresh|")
    assert not peer.seen("app", "11=stale|")


async def test_we_reset_both_numbers_with_a_quickfix_acceptor(quickfix, initiator, recorder, unused_tcp_port):
    peer = await quickfix("acceptor", unused_tcp_port)
    ours = await initiator(unused_tcp_port, reset_on_logon=True)
    await recorder.until("logon")
    assert ours.session.next_sender == 2
    await peer.reaches(2, 2)


async def test_quickfix_answers_our_test_request(quickfix, initiator, recorder, unused_tcp_port):
    peer = await quickfix("acceptor", unused_tcp_port)
    ours = await initiator(unused_tcp_port)
    await recorder.until("logon")
    ours.send(TestRequest(test_req_id="ping"))
    assert "|112=ping|" in (await peer.until("sent", "35=0|"))["raw"]


@pytest.fixture
def certificates(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("server", "client"):
        certificate = authority.issue_cert("localhost", "127.0.0.1", common_name=name)
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    return tmp_path


@pytest.fixture
async def relay():
    """The PyPI wheel of QuickFIX is built without SSL, so its bytes pass through a relay that speaks TLS for it.

    await relay(port, outward=context) listens in plain and connects by TLS; inward=context listens by TLS.
    """
    servers, tasks = [], []

    async def copy(reader, writer):
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def start(port, inward=None, outward=None):
        async def joined(reader, writer):
            name = "localhost" if outward is not None else None
            try:
                far = await asyncio.open_connection("127.0.0.1", port, ssl=outward, server_hostname=name)
            except OSError:
                writer.close()
                return
            tasks.append(asyncio.create_task(copy(reader, far[1])))
            tasks.append(asyncio.create_task(copy(far[0], writer)))

        servers.append(await asyncio.start_server(joined, "127.0.0.1", 0, ssl=inward))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_quickfix_logs_on_over_mutual_tls_and_loses_nothing_over_a_reconnect(
    quickfix, acceptor, recorder, certificates, relay
):
    ca = certificates / "ca.pem"
    ours = await acceptor(
        ssl=server_context(certificates / "server.pem", certificates / "server.key", client_ca=ca),
        tls_peer_names=("client",),
    )
    recorder.on_each = lambda session_id, header, message: ours.send(session_id, order("answer-" + message.cl_ord_id))
    outward = client_context(ca=ca, certificate=certificates / "client.pem", key=certificates / "client.key")
    peer = await quickfix("initiator", await relay(ours.port, outward=outward))
    await peer.until("logon")
    peer.do("order a b c")
    await peer.until("app", "11=answer-c|")
    ours.disconnect("STRATEGY", "pause")
    await peer.until("logout")
    ours.send("STRATEGY", order("while-away"))
    await peer.until("app", "11=while-away|")
    assert len(peer.seen("app")) == 4


async def test_we_log_on_to_a_quickfix_acceptor_over_tls(
    quickfix, initiator, recorder, unused_tcp_port, certificates, relay
):
    await quickfix("acceptor", unused_tcp_port)
    inward = server_context(certificates / "server.pem", certificates / "server.key")
    port = await relay(unused_tcp_port, inward=inward)
    ours = await initiator(port, ssl=client_context(ca=certificates / "ca.pem"))
    await recorder.until("logon")
    ours.disable("enough")
    assert (await recorder.until("logout"))[2:] == ("enough", True)
