"""`run`: starting, what stands in the way, and stopping, each in a process of its own."""

import json
import signal
import socket
import ssl

import pytest
import trustme
from simplefix import FixMessage

from tests.bridge.cli.conftest import Running, fixbridge, rows

QUIET = ("--set", "outputs=off", "--set", "listeners.fix.port=0")


def test_the_banner_tells_where_to_connect_and_every_default(tmp_path):
    running = Running(tmp_path)
    try:
        said = running.log.read_text()
        for line in (
            "TargetCompID(56)=BRIDGE",
            "SenderCompID(49)=STRATEGY, order entry, no password on loopback, account PAPER",
            "PAPER at paper, simulated, 1,000,000 USD to start with",
            "synthetic, seed 1",
            "profile starter; missing data refuses",
            "no file, built-in defaults",
        ):
            assert line in said
        assert "\x1b" not in said
    finally:
        assert running.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(tmp_path, number):
    running = Running(tmp_path)
    assert running.stop(number) == 0
    assert "Traceback" not in running.log.read_text()


def test_a_second_daemon_on_the_same_data_directory_is_told_who_holds_it(tmp_path):
    running = Running(tmp_path)
    try:
        said = fixbridge("run", "--data-dir", str(running.data_dir), *QUIET)
        assert said.returncode == 1
        assert f"is in use by process {running.process.pid} (fixbridge run)" in said.stderr
        assert said.stderr.count("\n") == 2
    finally:
        assert running.stop() == 0


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fixbridge(
            "run", "-d", str(tmp_path / "var"), "--set", "outputs=off", "--set", f"listeners.fix.port={port}"
        )
    assert said.returncode == 1
    assert f"listeners.fix.port: port {port} on 127.0.0.1 is in use by another process" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "var").exists()


def test_a_missing_certificate_is_one_clear_line(tmp_path):
    tls = "listeners.fix.tls={certificate: none.pem, key: none.key}"
    said = fixbridge("run", "-d", str(tmp_path / "var"), *QUIET, "--set", tls)
    assert said.returncode == 1
    assert "listeners.fix.tls.certificate: none.pem cannot be read: No such file or directory" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_data_directory_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "var").write_text("")
    said = fixbridge("run", "-d", str(tmp_path / "var"), *QUIET)
    assert said.returncode == 1
    assert f"data_dir: {tmp_path}/var is not a directory" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_wrong_setting_starts_nothing_and_exits_2(tmp_path):
    said = fixbridge("run", "-d", str(tmp_path / "var"), "--set", "journal.durability=maybe")
    assert said.returncode == 2
    assert "option journal.durability: journal.durability: not usable; found 'maybe'" in said.stderr
    assert not (tmp_path / "var").exists()


def test_a_plugin_that_is_not_there_is_one_clear_line(tmp_path):
    said = fixbridge("run", "-d", str(tmp_path / "var"), *QUIET, "--set", "marketdata.source=nowhere:Source")
    assert said.returncode == 1
    assert "marketdata.source: nowhere:Source: there is no module nowhere" in said.stderr


def test_a_symbol_file_with_a_fault_names_the_line(tmp_path):
    (tmp_path / "mine.csv").write_text("symbol,asset_class\nAAPL\n")
    files = f"instruments.files=[{tmp_path}/mine.csv]"
    said = fixbridge("run", "-d", str(tmp_path / "var"), *QUIET, "--set", files)
    assert said.returncode == 1
    assert f"instruments.files: {tmp_path}/mine.csv:2: " in said.stderr


def test_a_listener_with_tls_takes_a_logon_over_tls_and_only_over_tls(tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = f"{{certificate: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    running = Running(tmp_path, "--set", f"listeners.fix.tls={files}")
    try:
        assert "127.0.0.1:" in running.log.read_text()
        assert ", TLS, TargetCompID(56)=BRIDGE" in running.log.read_text()
        context = ssl.create_default_context()
        authority.configure_trust(context)
        logon = FixMessage()
        for tag, value in ((8, "FIX.4.4"), (35, "A"), (49, "STRATEGY"), (56, "BRIDGE"), (34, "1")):
            logon.append_pair(tag, value, header=True)
        logon.append_utc_timestamp(52, precision=3, header=True)
        for tag, value in ((98, "0"), (108, "30"), (141, "Y")):
            logon.append_pair(tag, value)
        with (
            socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(logon.encode())
            assert b"\x0135=A\x01" in connection.recv(4096)
        with socket.create_connection(("127.0.0.1", running.port), timeout=15) as plain:
            plain.sendall(logon.encode())
            try:
                answer = plain.recv(4096)
            except ConnectionResetError:
                answer = b""
            assert b"35=A" not in answer
    finally:
        assert running.stop() == 0


def test_it_also_runs_on_asyncios_own_loop(tmp_path):
    running = Running(tmp_path, "--asyncio")
    assert running.stop() == 0


def damaged(directory) -> None:
    """One byte in the middle of the journal is another one."""
    (segment,) = (directory / "journal").glob("*.journal")
    data = bytearray(segment.read_bytes())
    data[len(data.rstrip(b"\0")) // 2] ^= 1
    segment.write_bytes(data)


def test_a_damaged_journal_is_never_started_on_and_exits_3(tmp_path):
    running = Running(tmp_path)
    try:
        assert running.run("orders", "new", "buy", "AAPL", "1").returncode == 0
    finally:
        assert running.stop() == 0
    damaged(running.data_dir)
    said = fixbridge("run", "--data-dir", str(running.data_dir), *QUIET)
    assert said.returncode == 3, said.stderr
    assert "is damaged at byte" in said.stderr
    assert "fixbridge journal verify" in said.stderr
    assert fixbridge("journal", "cat", "--data-dir", str(running.data_dir)).returncode == 3
    assert fixbridge("fills", "--data-dir", str(running.data_dir)).returncode == 3


def test_every_logger_says_which_part_speaks(tmp_path):
    running = Running(tmp_path)
    assert running.stop() == 0
    names = {json.loads(line)["logger"] for line in running.log.read_text().splitlines() if line.startswith("{")}
    assert {"bridge.daemon", "sessions.acceptor"} <= names


def test_what_a_broker_spec_says_of_execution_holds(tmp_path):
    spec = tmp_path / "paper.yaml"
    spec.write_text(
        "kind: BrokerSpec\nmetadata: {name: desk}\nbroker: {type: paper, account: PAPER}\n"
        "execution: {orderType: limit, timeInForce: gtc, allowShortSelling: false, allowMarginTrading: false}\n"
        "routing: {defaultRoute: smart}\n"
    )
    running = Running(tmp_path, "--config", str(spec))
    try:
        assert "routing of desk is not used: paper takes no routes from here" in running.log.read_text()
        asked = ("-c", str(spec))
        assert running.run("orders", *asked, "new", "buy", "AAPL", "1").returncode == 2
        assert running.run("orders", *asked, "new", "buy", "AAPL", "1", "--limit", "220").returncode == 0
        (order,) = rows(running.run("orders", "--csv").stdout)
        assert (order["ord_type"], order["time_in_force"]) == ("limit", "gtc")
        refused = running.run("orders", *asked, "new", "short", "KO", "1", "--limit", "70")
        assert refused.returncode == 3
        assert "R09 worst short position 1 over limit 0" in refused.stderr
        limits = rows(running.run("risk", "limits", "--csv").stdout)
        assert {row["value"] for row in limits if row["name"] == "desk" and row["rule"] == "R10.long_rate"} == {"1"}
    finally:
        assert running.stop() == 0
