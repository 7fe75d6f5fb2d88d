"""One order with nothing but a socket and simplefix: log on, buy five shares, print what comes back, log out.

`make run`, then in another terminal `.venv/bin/python examples/simplefix_order.py [PORT]`. Every message is printed as
it is on the wire, with | for SOH. For more than a first try use a FIX engine: this script keeps no sequence numbers,
answers no resend request and sends no heartbeat.
"""

import socket
import sys
import time

from simplefix import FixMessage, FixParser

SENDER, TARGET = "STRATEGY", "BRIDGE"


def message(msg_type: str, number: int, *fields: tuple[int, str]) -> FixMessage:
    """A message with the standard header."""
    made = FixMessage()
    for tag, value in ((8, "FIX.4.4"), (35, msg_type), (49, SENDER), (56, TARGET), (34, str(number))):
        made.append_pair(tag, value, header=True)
    made.append_utc_timestamp(52, precision=3, header=True)
    for tag, value in fields:
        made.append_pair(tag, value)
    return made


def main() -> int:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9878
    parser = FixParser()
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    except OSError as error:
        print(f"nobody listens on port {port} ({error.strerror}); start the daemon with `make run`", file=sys.stderr)
        return 1

    def send(made: FixMessage) -> None:
        data = made.encode()
        print("→", data.decode().replace("\x01", "|"))
        connection.sendall(data)

    def receive() -> FixMessage:
        while (came := parser.get_message()) is None:
            data = connection.recv(4096)
            if not data:
                raise ConnectionError("the daemon closed the connection")
            parser.append_buffer(data)
        print("←", came.encode(raw=True).decode().replace("\x01", "|"))
        return came

    with connection:
        send(message("A", 1, (98, "0"), (108, "30"), (141, "Y")))
        if receive().get(35) != b"A":
            return 1
        order = message("D", 2, (11, f"S{time.time_ns()}"), (55, "AAPL"), (54, "1"), (38, "5"), (40, "1"))
        order.append_utc_timestamp(60, precision=3)
        send(order)
        while (report := receive()).get(39) not in (b"2", b"4", b"8"):
            pass
        send(message("5", 3))
        receive()
        return 0 if report.get(39) == b"2" else 1


if __name__ == "__main__":
    sys.exit(main())
