"""The acceptor over real sockets, on both loops: who gets in, what one peer can do to the others, how it ends."""

import asyncio
import contextlib
import re
import ssl
import sys
from pathlib import Path

import pytest
import structlog
import trustme

from fixspec.enums import CancelOnDisconnectType
from sessions.acceptor import Acceptor
from sessions.admission import AdmissionLimits
from sessions.authentication import hash_password, signature
from sessions.clock import SystemClock
from sessions.config import (
    CancelOnDisconnect,
    HmacCredential,
    Limits,
    OutgoingCredential,
    PasswordCredential,
    SessionConfig,
    SessionId,
)
from sessions.initiator import Initiator
from sessions.interfaces import StoreFailed
from sessions.store import FileStore, MemoryStore
from sessions.tls import client_context, server_context
from sessions.wirelog import FileWireLog
from tests.sessions.peer import an_order, frame, split, stamp

CLOCK = SystemClock()
QUICK = AdmissionLimits(refusal_seconds=0.0, logon_timeout_seconds=0.5)


class Client:
    """A peer on a socket that says exactly what it is told to."""

    def __init__(self, reader, writer, name):
        self.reader, self.writer, self.name = reader, writer, name
        self.next = 1
        self.rest = b""

    @classmethod
    async def connect(cls, port, name="CLIENT", **more):
        return cls(*await asyncio.open_connection("127.0.0.1", port, **more), name)

    def text(self, body, seq=None, **header):
        kind, _, rest = body.partition("|")
        fields = {"49": self.name, "56": "BRIDGE", "34": seq or self.next, "52": stamp(CLOCK)}
        fields |= {tag[1:]: value for tag, value in header.items()}
        self.next += seq is None
        return f"{kind}|{'|'.join(f'{tag}={value}' for tag, value in fields.items())}|{rest}".rstrip("|")

    def say(self, body, seq=None, **header):
        self.writer.write(frame(self.text(body, seq, **header)))

    async def hear(self, seconds=10):
        """The next message, None at the end of the stream."""
        async with asyncio.timeout(seconds):
            while b"\x0110=" not in self.rest or not self.rest.endswith(b"\x01"):
                data = await self.reader.read(65536)
                if not data:
                    return None
                self.rest += data
        messages = split(self.rest)
        self.rest = b"".join(message.raw for message in messages[1:])
        return messages[0]

    async def logon(self, more="", seq=None, heartbeat=30):
        self.say(f"35=A|98=0|108={heartbeat}|{more}".strip("|"), seq)
        answer = await self.hear()
        assert answer is not None, "refused"
        assert answer[35] == "A", answer
        return answer

    async def refused(self):
        """The connection is closed without a word."""
        return await self.hear() is None

    def close(self):
        self.writer.close()


@pytest.fixture
async def clients():
    made = []

    async def connect(port, name="CLIENT", **more):
        made.append(await Client.connect(port, name, **more))
        return made[-1]

    yield connect
    for client in made:
        client.close()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()


@pytest.fixture
async def acceptor(recorder):
    made = []

    async def start(*configs, stores=lambda config: MemoryStore(), **more):
        if not configs:
            configs = (SessionConfig(name="S", id=SessionId("BRIDGE", "CLIENT")),)
        more.setdefault("admission", QUICK)
        made.append(Acceptor(configs, stores, recorder, CLOCK, **more))
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        if each.endpoints:
            await each.stop(timeout_seconds=0.5)


def config(name="S", client="CLIENT", **settings):
    return SessionConfig(name=name, id=SessionId("BRIDGE", client), **settings)


async def test_a_logon_finds_its_session_by_comp_ids(acceptor, clients, recorder):
    ours = await acceptor(config("ONE", "C1"), config("TWO", "C2"))
    client = await clients(ours.port, "C2")
    await client.logon()
    assert recorder.calls == [("logon", "TWO")]
    assert [status.state for status in ours.status()] == ["disconnected", "logged_on"]
    assert ours.status()[1].peer.startswith("127.0.0.1:")


async def test_unknown_comp_ids_are_closed_in_silence(acceptor, clients):
    ours = await acceptor()
    client = await clients(ours.port, "NOBODY")
    client.say("35=A|98=0|108=30")
    assert await client.refused()


async def test_a_second_connection_for_a_live_session_is_closed_and_the_first_lives_on(acceptor, clients, recorder):
    ours = await acceptor()
    first = await clients(ours.port)
    await first.logon()
    second = await clients(ours.port)
    second.say("35=A|98=0|108=30|141=Y", seq=1)
    assert await second.refused()
    probe = await first.hear()
    first.say(f"35=0|112={probe[112]}")
    first.say("35=1|112=alive")
    assert (await first.hear())[112] == "alive"
    assert recorder.count("reset") == 0


async def test_a_peer_that_comes_back_before_its_old_connection_is_known_dead_is_let_in_soon(
    acceptor, clients, recorder, monkeypatch
):
    monkeypatch.setattr("sessions.liveness.PROBE_SECONDS", 0.2)
    ours = await acceptor(admission=AdmissionLimits(failures=3, refusal_seconds=0.0))
    dead = await clients(ours.port)
    await dead.logon(heartbeat=600)
    async with asyncio.timeout(5):
        for _ in range(100):
            again = await clients(ours.port)
            again.say("35=A|98=0|108=30", seq=2)
            answer = await again.hear()
            if answer is not None:
                break
            await asyncio.sleep(0.05)
    assert answer[35] == "A"
    assert recorder.count("logon") == 2


async def test_what_is_no_logon_is_closed_in_silence(acceptor, clients):
    ours = await acceptor()
    for data in (b"GET / HTTP/1.1\r\n\r\n", frame(Client(None, None, "CLIENT").text("35=0"))):
        client = await clients(ours.port)
        client.writer.write(data)
        assert await client.refused()
    assert ours.status()[0].next_target == 1


async def test_a_silent_socket_is_closed_in_time_and_blocks_nobody(acceptor, clients):
    ours = await acceptor(config("ONE", "C1"))
    silent = [await clients(ours.port) for _ in range(20)]
    client = await clients(ours.port, "C1")
    async with asyncio.timeout(0.4):
        await client.logon()
    assert all([await each.refused() for each in silent])


async def test_refusals_take_the_same_time_whatever_the_reason(acceptor, clients):
    ours = await acceptor(admission=AdmissionLimits(refusal_seconds=0.3))
    loop = asyncio.get_running_loop()
    client = await clients(ours.port, "NOBODY")
    client.say("35=A|98=0|108=30")
    began = loop.time()
    assert await client.refused()
    assert 0.25 < loop.time() - began < 2


async def test_a_wrong_password_is_closed_in_silence_and_touches_nothing(acceptor, clients):
    credential = PasswordCredential("alice", hash_password("right"))
    ours = await acceptor(config(credential=credential))
    for more in ("553=alice|554=wrong|141=Y", "553=bob|554=right|141=Y", "553=alice|141=Y", "141=Y"):
        client = await clients(ours.port)
        client.say(f"35=A|98=0|108=30|{more}", seq=1)
        assert await client.refused()
    assert (ours.status()[0].next_sender, ours.status()[0].next_target) == (1, 1)
    client = await clients(ours.port)
    await client.logon("553=alice|554=right")


async def test_other_sessions_are_served_while_a_password_is_verified(acceptor, clients):
    credential = PasswordCredential("alice", hash_password("right"))
    ours = await acceptor(config("ONE", "C1", credential=credential), config("TWO", "C2"))
    busy = await clients(ours.port, "C2")
    await busy.logon()
    slow = await clients(ours.port, "C1")
    slow.say("35=A|98=0|108=30|553=alice|554=right")
    slow.say("35=1|112=early")
    await asyncio.sleep(0)
    busy.say("35=1|112=ping")
    assert (await busy.hear())[112] == "ping"
    assert (await slow.hear())[35] == "A"
    assert (await slow.hear())[112] == "early"


async def test_too_many_failures_bar_the_address(acceptor, clients):
    limits = AdmissionLimits(failures=3, refusal_seconds=0.0)
    ours = await acceptor(admission=limits)
    for _ in range(3):
        client = await clients(ours.port, "NOBODY")
        client.say("35=A|98=0|108=30")
        assert await client.refused()
    client = await clients(ours.port)
    with contextlib.suppress(ConnectionError):
        client.say("35=A|98=0|108=30")
        assert await client.refused()
    assert ours.status()[0].state == "disconnected"


async def test_connections_are_bounded_per_address(acceptor, clients):
    ours = await acceptor(admission=AdmissionLimits(connections_per_address=2, refusal_seconds=0.0))
    await clients(ours.port)
    await clients(ours.port)
    third = await clients(ours.port)
    with contextlib.suppress(ConnectionError):
        assert await third.refused()


async def test_an_address_outside_the_allowed_networks_is_closed_in_silence(acceptor, clients):
    ours = await acceptor(
        config("ONE", "C1", allowed_addresses=("10.0.0.0/8", "::1")),
        config("TWO", "C2", allowed_addresses=("127.0.0.0/8",)),
    )
    client = await clients(ours.port, "C1")
    client.say("35=A|98=0|108=30")
    assert await client.refused()
    await (await clients(ours.port, "C2")).logon()


async def test_a_disabled_session_is_closed_in_silence_until_enabled(acceptor, clients):
    ours = await acceptor(config(enabled=False))
    client = await clients(ours.port)
    client.say("35=A|98=0|108=30")
    assert await client.refused()
    ours.enable("S")
    client = await clients(ours.port)
    await client.logon()
    ours.disable("S", "maintenance")
    logout = await client.hear()
    assert (logout[35], logout[58]) == ("5", "maintenance")


def signed(secret, seq, made_ms, nonce="0123456789abcdef"):
    raw = f"{made_ms}.{nonce}"
    proof = signature(secret, raw.encode(), "CLIENT", "BRIDGE", seq)
    return f"35=A|98=0|108=30|553=alice|95={len(raw)}|96={raw}|554={proof}"


async def test_a_signed_logon_is_taken_once_and_its_recording_never(acceptor, clients):
    secret = b"a shared secret"
    ours = await acceptor(config(credential=HmacCredential("alice", secret)))
    now = CLOCK.utc_ns() // 1_000_000 + 5
    first = await clients(ours.port)
    first.say(signed(secret, 1, now))
    assert (await first.hear())[35] == "A"
    first.close()
    await asyncio.sleep(0.05)
    for attempt in (
        signed(secret, 1, now),
        signed(secret, 2, now),
        signed(b"another secret", 2, now, nonce="x" * 16),
        signed(secret, 2, now - 31_000, nonce="y" * 16),
        signed(secret, 2, now + 31_000, nonce="z" * 16),
        signed(secret, 3, now, nonce="w" * 16),
        signed(secret, 2, now, nonce="short"),
    ):
        client = await clients(ours.port)
        client.say(attempt, seq=2)
        assert await client.refused(), attempt
    client = await clients(ours.port)
    client.say(signed(secret, 2, now, nonce="fresh" * 4), seq=2)
    assert (await client.hear())[35] == "A"


async def test_our_initiator_signs_so_that_our_acceptor_lets_it_in(acceptor, recorder):
    ours = await acceptor(config(credential=HmacCredential("alice", b"secret")))
    outgoing = OutgoingCredential("alice", "secret", sign=True)
    dialler = Initiator(
        SessionConfig(name="I", id=SessionId("CLIENT", "BRIDGE"), outgoing=outgoing),
        MemoryStore(),
        recorder,
        CLOCK,
        addresses=[("127.0.0.1", ours.port)],
    )
    await dialler.start()
    await recorder.until("logon", 2)
    await dialler.stop(timeout_seconds=1)


async def test_secrets_reach_no_log(acceptor, clients, tmp_path):
    wire = FileWireLog(tmp_path / "fix.log")
    ours = await acceptor(config(credential=PasswordCredential("alice", hash_password("hunter2"))), wire=wire)
    with structlog.testing.capture_logs() as logs:
        client = await clients(ours.port)
        await client.logon("553=alice|554=hunter2")
        client.say("35=BE|923=1|924=3|553=alice|554=hunter2|925=hunter3")
        client.say("35=1|112=done")
        await client.hear()
    wire.close()
    text = (tmp_path / "fix.log").read_text() + str(logs) + repr(ours.endpoints["S"].session.config)
    assert "hunter" not in text
    assert "554=***" in text


async def test_messages_of_one_read_are_answered_in_one_write(acceptor, clients, recorder):
    ours = await acceptor()
    recorder.on_each = lambda session_id, header, message: ours.send(session_id, an_order(message.cl_ord_id))
    client = await clients(ours.port)
    await client.logon()
    writes = []
    connection = ours.endpoints["S"].connection
    original = connection.write
    type(connection).write, kept = lambda self, data: (writes.append(data), original(data)), type(connection).write
    try:
        body = "35=D|11={}|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1"
        client.writer.write(b"".join(frame(client.text(body.format(n))) for n in range(50)))
        heard = [await client.hear() for _ in range(50)]
    finally:
        type(connection).write = kept
    assert [message[11] for message in heard] == [str(n) for n in range(50)]
    assert len(writes) == 1


async def test_a_failing_application_costs_its_session_and_the_message_comes_again(acceptor, clients, recorder):
    ours = await acceptor(config("ONE", "C1"), config("TWO", "C2"))

    def fail(session_id, header, message):
        raise RuntimeError("a bug")

    other = await clients(ours.port, "C2")
    await other.logon()
    recorder.on_each = fail
    client = await clients(ours.port, "C1")
    await client.logon()
    client.say("35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1")
    assert await client.refused()
    assert ours.status()[0].next_target == 2
    recorder.on_each = None
    again = await clients(ours.port, "C1")
    again.next = 3
    await again.logon()
    request = await again.hear()
    assert (request[35], request[7]) == ("2", "2")
    other.say("35=1|112=unharmed")
    assert (await other.hear())[112] == "unharmed"


async def test_a_full_disk_ends_the_session_and_no_number_is_lost(acceptor, clients, recorder, tmp_path, monkeypatch):
    ours = await acceptor(config(), stores=lambda c: FileStore(tmp_path / c.name))
    client = await clients(ours.port)
    await client.logon()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sessions.store.os.pwrite", full)
    with pytest.raises(StoreFailed):
        ours.send("S", an_order())
    monkeypatch.undo()
    with contextlib.suppress(ConnectionError):
        assert await client.refused()
    status = ours.status()[0]
    assert (status.next_sender, status.enabled, status.state) == (2, False, "disconnected")
    assert recorder.count("logout") == 1


async def test_a_store_that_fails_while_a_message_is_handled_leaves_the_message_unconfirmed(
    acceptor, clients, recorder, tmp_path, monkeypatch
):
    ours = await acceptor(config(), stores=lambda c: FileStore(tmp_path / c.name))

    def full(*arguments):
        raise OSError(28, "No space left on device")

    def answer(session_id, header, message):
        monkeypatch.setattr("sessions.store.os.pwrite", full)
        ours.send(session_id, an_order())

    recorder.on_each = answer
    client = await clients(ours.port)
    await client.logon()
    client.say("35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1")
    await recorder.until("logout")
    monkeypatch.undo()
    status = ours.status()[0]
    assert (status.next_target, status.enabled, status.state) == (2, False, "disconnected")


async def test_a_damaged_record_ends_the_session_instead_of_being_passed_over(acceptor, clients, recorder, tmp_path):
    ours = await acceptor(config(), stores=lambda c: FileStore(tmp_path / c.name))
    for number in range(3):
        ours.send("S", an_order(f"{number}"))
    kept = next((tmp_path / "S").glob("messages.*"))
    raw = kept.read_bytes()
    kept.write_bytes(raw[:60] + b"XXXX" + raw[64:])
    client = await clients(ours.port)
    await client.logon()
    client.say("35=2|7=1|16=0")
    with contextlib.suppress(ConnectionError):
        assert await client.refused()
    await recorder.until("logout")
    assert not ours.status()[0].enabled
    ours.enable("S")
    again = await clients(ours.port)
    await again.logon(seq=3)


async def test_the_peers_reject_and_our_traffic_reach_application_and_operator(acceptor, clients, recorder, tmp_path):
    wire = FileWireLog(tmp_path / "fix.log")
    ours = await acceptor(wire=wire)
    client = await clients(ours.port)
    await client.logon()
    client.say("35=3|45=1|58=no")
    client.say("35=ZZ")
    assert (await client.hear())[373] == "11"
    client.say("35=5")
    await client.hear()
    await recorder.until("logout")
    assert recorder.count("reject") == 1
    traffic = ours.endpoints["S"].traffic()
    assert traffic.received == {"A": 1, "3": 1, "ZZ": 1, "5": 1}
    assert traffic.sent == {"A": 1, "3": 1, "5": 1}
    client.close()
    await ours.stop()
    wire.close()
    lines = (tmp_path / "fix.log").read_text().splitlines()
    assert [line.split()[2] for line in lines] == ["in", "out", "in", "in", "out", "in", "out"]


async def test_a_session_may_use_the_dictionary_of_its_counterparty(acceptor, clients, recorder, tmp_path):
    source = Path(sys.prefix) / "share/quickfix/FIX44.xml"
    text = source.read_text().replace("<fields>", '<fields><field number="4711" name="DeskCode" type="STRING"/>', 1)
    head = re.search(r"<message [^>]*name=.TestRequest.[^>]*>", text)[0]
    text = text.replace(head, head + '<field name="DeskCode" required="N"/>')
    (tmp_path / "theirs.xml").write_text(text)
    ours = await acceptor(config("ONE", "C1", dictionary=str(tmp_path / "theirs.xml")), config("TWO", "C2"))
    for name, answer in (("C1", "0"), ("C2", "3")):
        client = await clients(ours.port, name)
        await client.logon()
        client.say("35=1|112=x|4711=desk")
        assert (await client.hear())[35] == answer


async def test_stop_says_why_waits_for_the_answer_and_closes(acceptor, clients, recorder):
    ours = await acceptor()
    client = await clients(ours.port)
    await client.logon()
    stopping = asyncio.create_task(ours.stop("going home"))
    logout = await client.hear()
    assert (logout[35], logout[58]) == ("5", "going home")
    client.say("35=5")
    client.close()
    await stopping
    assert recorder.calls[-1] == ("logout", "S", "going home", True)
    with pytest.raises(OSError):
        await Client.connect(ours._wanted_port or 1)


async def test_stop_does_not_wait_for_ever(acceptor, clients, recorder):
    ours = await acceptor()
    client = await clients(ours.port)
    await client.logon()
    await asyncio.wait_for(ours.stop("going home", timeout_seconds=0.2), 5)
    assert recorder.calls[-1][3] is False


async def test_a_logout_reaches_a_peer_that_is_still_talking(acceptor, clients):
    """Closing a socket with unread input sends a reset that can destroy the last message (quickfixgo 458)."""
    ours = await acceptor()
    client = await clients(ours.port)
    await client.logon()
    flood = b"".join(frame(client.text("35=0")) for _ in range(2000))
    client.writer.write(frame(client.text("35=0", seq=1)) + flood)
    logout = await client.hear()
    assert logout[58].startswith("MsgSeqNum too low")
    assert await client.hear() is None


async def test_a_slow_consumer_costs_no_memory_and_is_cut_off_by_name(acceptor, clients, recorder):
    limits = Limits(write_buffer_bytes=20_000, max_unsent_messages=2_000, max_stalled_seconds=60)
    ours = await acceptor(config(limits=limits))
    client = await clients(ours.port, limit=1024)
    await client.logon()
    for _ in range(80):
        for _ in range(500):
            ours.send("S", an_order("x" * 60))
        await asyncio.sleep(0)
        connection = ours.endpoints["S"].connection
        if connection is None:
            break
        assert connection.transport.get_write_buffer_size() < 20_000 + 150_000
    _, _, reason, clean = await recorder.until("logout")
    assert reason.startswith("slow consumer")
    assert not clean


async def test_a_peer_that_reads_again_gets_everything_in_order(acceptor, clients, recorder):
    ours = await acceptor(config(limits=Limits(write_buffer_bytes=20_000, max_unsent_messages=10**6)))
    client = await clients(ours.port)
    await client.logon()
    for number in range(10_000):
        ours.send("S", an_order(f"{number}"))
    data = b""
    async with asyncio.timeout(30):
        while b"\x0134=10001\x01" not in data[-400:] or not data.endswith(b"\x01"):
            data += await client.reader.read(1 << 20)
    heard = split(data)
    assert [message[34] for message in heard] == [str(n) for n in range(2, 10_002)]
    assert not any(43 in message for message in heard)


async def test_a_long_resend_delays_no_other_session(acceptor, clients):
    ours = await acceptor(config("ONE", "C1"), config("TWO", "C2"))
    for _ in range(30_000):
        ours.send("ONE", an_order())
    quick = await clients(ours.port, "C2")
    await quick.logon()
    hungry = await clients(ours.port, "C1")
    await hungry.logon()
    hungry.say("35=2|7=1|16=0")

    async def swallow():
        seen = 0
        while seen < 30_000:
            seen += (await hungry.reader.read(1 << 20)).count(b"\x0143=Y")

    reading = asyncio.create_task(swallow())
    worst = 0.0
    loop = asyncio.get_running_loop()
    while not reading.done():
        began = loop.time()
        quick.say("35=1|112=ping")
        await quick.hear()
        worst = max(worst, loop.time() - began)
    await reading
    assert worst < 0.5


async def test_a_flood_is_slowed_down_and_nothing_of_it_is_lost(acceptor, clients, recorder):
    limits = Limits(messages_per_second=200, messages_burst=20)
    ours = await acceptor(config(limits=limits))
    client = await clients(ours.port)
    await client.logon()
    body = "35=D|11={}|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1"
    client.writer.write(b"".join(frame(client.text(body.format(n))) for n in range(100)))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await recorder.until("message", 100)
    assert loop.time() - began > 0.3
    assert [message.cl_ord_id for _, message in recorder.messages] == [str(n) for n in range(100)]


async def test_cancel_on_disconnect_reaches_the_application(acceptor, clients, recorder):
    cancel = CancelOnDisconnect(on=CancelOnDisconnectType.DISCONNECT, grace_ms=100)
    ours = await acceptor(config(cancel_on_disconnect=cancel))
    client = await clients(ours.port)
    await client.logon()
    client.close()
    await recorder.until("cancel")
    assert recorder.calls[-1][:2] == ("cancel", "S")


async def test_an_operator_resets_a_connected_session_through_a_logout(acceptor, clients, recorder):
    ours = await acceptor()
    client = await clients(ours.port)
    await client.logon()
    ours.reset("S")
    assert (await client.hear())[35] == "5"
    client.say("35=5")
    await recorder.until("reset")
    assert (ours.status()[0].next_sender, ours.status()[0].next_target) == (1, 1)


async def test_two_sessions_of_one_name_or_pair_are_a_mistake(recorder):
    for pair in ((config("A", "C1"), config("A", "C2")), (config("A", "C1"), config("B", "C1"))):
        with pytest.raises(ValueError, match="unique"):
            Acceptor(pair, lambda c: MemoryStore(), recorder, CLOCK)


async def test_messages_can_be_kept_before_anybody_listens(acceptor, clients, recorder):
    ours = Acceptor([config()], lambda c: MemoryStore(), recorder, CLOCK, next_target=lambda name: 5)
    ours.open()
    assert ours.send("S", an_order(), origin=11) == 1
    assert ours.last_origin("S") == 11
    assert ours.status()[0].next_target == 5
    await ours.start()
    await ours.stop()


# --- TLS


@pytest.fixture
def authority(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def issue(name):
        certificate = authority.issue_cert(name, common_name=name)
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        return tmp_path / f"{name}.pem", tmp_path / f"{name}.key"

    return tmp_path / "ca.pem", issue


async def test_tls_sessions_log_on_exchange_and_log_out(acceptor, recorder, authority):
    ca, issue = authority
    ours = await acceptor(ssl=server_context(*issue("localhost")))
    dialler = Initiator(
        SessionConfig(name="I", id=SessionId("CLIENT", "BRIDGE")),
        MemoryStore(),
        recorder,
        CLOCK,
        addresses=[("127.0.0.1", ours.port)],
        ssl=client_context(ca=ca),
        server_name="localhost",
    )
    await dialler.start()
    await recorder.until("logon", 2)
    for number in range(500):
        dialler.send(an_order(f"{number}"))
    await recorder.until("message", 500)
    await dialler.stop("done", timeout_seconds=2)
    assert (await recorder.until("logout", 2))[3] is True


async def test_mutual_tls_wants_a_certificate_that_names_the_peer(acceptor, clients, authority):
    ca, issue = authority
    ours = await acceptor(
        config("ONE", "C1", tls_peer_names=("alice",)), ssl=server_context(*issue("localhost"), client_ca=ca)
    )
    good = client_context(ca=ca, certificate=issue("alice")[0], key=issue("alice")[1])
    client = await clients(ours.port, "C1", ssl=good, server_hostname="localhost")
    await client.logon()
    client.close()
    bad = client_context(ca=ca, certificate=issue("mallory")[0], key=issue("mallory")[1])
    client = await clients(ours.port, "C1", ssl=bad, server_hostname="localhost")
    client.say("35=A|98=0|108=30")
    with contextlib.suppress(ConnectionError):
        assert await client.refused()
    none = client_context(ca=ca)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        client = await clients(ours.port, "C1", ssl=none, server_hostname="localhost")
        client.say("35=A|98=0|108=30")
        assert await client.refused()
    assert ours.status()[0].next_target == 2
