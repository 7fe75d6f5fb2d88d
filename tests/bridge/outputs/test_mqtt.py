"""MQTT against a real Mosquitto: topics, payloads, birth and will, resume, refusals, outages."""

import asyncio
import json
import os
import signal

import pytest

from bridge.orders.events import OrderFilled
from bridge.outputs.mqtt_broker import BrokerChild, Choice
from tests.bridge.outputs.script import Script, Subscriber, needs, until

pytestmark = needs("mosquitto")


@pytest.fixture
def listen(mosquitto: BrokerChild):  # type: ignore[no-untyped-def]
    made = []

    def subscribe(*topics: str, **options: object) -> Subscriber:
        users = json.loads((mosquitto.choice.directory / "users.json").read_text())
        options = {"user": "watch", "password": users["watch"], **options}
        one = Subscriber(mosquitto.choice.port, *topics, **options)  # type: ignore[arg-type]
        assert one.ready.wait(5)
        made.append(one)
        return one

    yield subscribe
    for one in made:
        one.close()


async def test_a_fill_can_be_booked_from_its_message_alone(mosquitto, script, outputs, listen) -> None:
    watch = listen("fixbridge/local/events/#")
    outputs(script, mosquitto.choice)
    order = script.working(symbol="BTC/USD")
    script.fill(order, "40", "187.25")
    await until(lambda: len(watch.heard) == 4)
    topic, payload, retained = watch.heard[3]
    told = json.loads(payload)
    assert topic == "fixbridge/local/events/ACC1/order_filled/BTC%2FUSD"
    assert not retained
    assert (told["seq"], told["account_prev"]) == (4, 3)
    assert told["event"]["type"] == "order_filled"
    assert (told["event"]["last_qty"], told["event"]["last_px"]) == ("40", "187.25")
    order_told = told["order"]
    assert (order_told["ord_status"], order_told["cum_qty"], order_told["leaves_qty"]) == (
        "partially_filled",
        "40",
        "60",
    )


async def test_birth_comes_first_then_states_then_entries(mosquitto, script, outputs, listen) -> None:
    script.working()
    watch = listen("fixbridge/local/#")
    outputs(script, mosquitto.choice)
    await until(lambda: len(watch.documents("/events/")) == 3)
    topics = [topic.split("/")[2] for topic, _, _ in watch.heard]
    assert topics[0] == "status"
    assert topics.index("orders") < topics.index("events")
    birth = json.loads(watch.heard[0][1])
    assert birth["status"] == "online"
    assert (birth["connection"], birth["seq"], birth["mode"], birth["version"]) == (1, 0, "paper", "0.1.0")


async def test_a_clean_stop_says_stopped_and_a_lost_engine_says_lost(mosquitto, script, outputs, listen) -> None:
    watch = listen("fixbridge/local/status")
    first = outputs(script, mosquitto.choice)
    await until(lambda: watch.heard)
    await first.stop()
    await until(lambda: len(watch.heard) == 2)
    second = outputs(script, mosquitto.choice)
    await until(lambda: len(watch.heard) == 3)
    second.sink.farewell = "lost"
    await second.stop()
    await until(lambda: len(watch.heard) == 4)
    assert [(told["status"], told["connection"]) for told in watch.documents("status")] == [
        ("online", 1),
        ("stopped", 1),
        ("online", 2),
        ("lost", 2),
    ]


async def test_the_order_state_is_retained_conflated_and_cleared(mosquitto, script, outputs, listen) -> None:
    output = outputs(script, mosquitto.choice)
    order = script.working()
    script.fill(order, "100", "187.25")
    await until(lambda: output.sink.cursor == 4)
    await asyncio.sleep(0.2)
    late = listen("fixbridge/local/orders/#")
    await until(lambda: late.heard)
    [(topic, payload, retained)] = late.heard
    assert topic == f"fixbridge/local/orders/ACC1/{order}"
    assert retained
    assert json.loads(payload)["ord_status"] == "filled"
    output.board._clear[0] = (0.0, order)
    output.board._ended[order].time -= 3601
    script.working()
    await until(lambda: (topic, b"", False) in late.heard)


async def test_states_tell_positions_accounts_limits_sessions_and_brokers(mosquitto, script, outputs, listen) -> None:
    from bridge.vitals import Vitals

    vitals = Vitals()
    vitals.session("ALPHA1").up = True
    vitals.broker("paper").unready = ""
    vitals.use("ACC1", "R09", 46_500, 50_000)
    watch = listen("fixbridge/local/#")
    output = outputs(script, mosquitto.choice)
    output.states.vitals = vitals.snapshot(1)
    order = script.working()
    script.fill(order, "100", "187.25")
    await until(lambda: watch.documents("/positions/") and watch.documents("/risk/ACC1/R09"))
    assert watch.documents("/positions/ACC1/AAPL")[-1]["qty"] == "100"
    await until(lambda: watch.documents("/accounts/ACC1")[-1].get("fills") == 1)
    assert watch.documents("/accounts/ACC1")[-1]["traded"] == "18725.00"
    assert watch.documents("/risk/ACC1/R09")[-1]["ratio"] == 0.93
    assert watch.documents("/risk/ACC1/state")[-1]["state"] == "active"
    assert watch.documents("/sessions/ALPHA1")[-1]["up"] is True
    assert watch.documents("/brokers/paper")[-1]["ready"] is True


async def test_what_was_not_acknowledged_is_sent_again_after_a_restart(mosquitto, script, outputs, listen) -> None:
    watch = listen("fixbridge/local/events/#")
    first = outputs(script, mosquitto.choice)
    for _ in range(20):
        script.working()
    await until(lambda: first.sink.cursor == 60)
    await first.stop()
    for _ in range(20):
        script.working()
    second = outputs(script, mosquitto.choice)
    await until(lambda: second.sink.cursor == 120)
    await until(lambda: len(watch.heard) == 120)
    assert [told["seq"] for told in watch.documents("events")] == list(range(1, 121))


async def load(script: Script, broker: BrokerChild, number: int, at: set[int]) -> None:
    """Orders and fills at some 500 entries a second; the broker gets SIGTERM or SIGKILL at the given ones."""
    for count in range(number):
        script.fill(script.working(), "100", "187.25")
        if count in at:
            await until(lambda: broker.pid is not None)
            os.kill(broker.pid, signal.SIGTERM if count % 2 else signal.SIGKILL)
        await asyncio.sleep(0.005)


async def test_a_broker_restarted_under_load_delivers_every_fill_once(mosquitto, script, outputs, listen) -> None:
    watch = listen("fixbridge/local/events/+/order_filled/#", client_id="booker", persistent=True)
    output = outputs(script, mosquitto.choice)
    await load(script, mosquitto, 300, {101, 251})
    await until(lambda: output.sink.cursor == 1200, within=20)
    fills = [entry.seq for entry in script.entries if isinstance(entry.event, OrderFilled)]
    await until(lambda: len({told["seq"] for told in watch.documents("order_filled")}) == len(fills))
    assert sorted({told["seq"] for told in watch.documents("order_filled")}) == fills
    assert output.sink.counters.reconnects >= 1


async def test_what_a_killed_broker_forgets_shows_as_a_gap_at_the_subscriber(
    mosquitto, script, outputs, listen
) -> None:
    watch = listen("fixbridge/local/events/ACC1/#", client_id="booker", persistent=True)
    output = outputs(script, mosquitto.choice)
    await load(script, mosquitto, 300, {100})
    await until(lambda: output.sink.cursor == 1200, within=20)
    await until(lambda: watch.documents("/events/")[-1]["seq"] == 1200)
    known, last = set(), 0
    for told in watch.documents("/events/"):
        if told["seq"] <= last:
            continue
        if told.get("account_prev", 0) > last:
            known |= set(range(last + 1, told["seq"]))  # the subscriber would ask GET /v1/entries?after=last
        known.add(told["seq"])
        last = told["seq"]
    assert known == set(range(1, 1201))


async def test_a_frozen_broker_stops_the_flow_and_nothing_piles_up(mosquitto, script, outputs, listen) -> None:
    watch = listen("fixbridge/local/events/#")
    output = outputs(script, mosquitto.choice)
    script.working()
    await until(lambda: output.sink.cursor == 3)
    os.kill(mosquitto.pid, signal.SIGSTOP)
    for _ in range(300):
        script.working()
    await asyncio.sleep(0.3)
    assert len(output.sink._sent) <= 100
    os.kill(mosquitto.pid, signal.SIGCONT)
    await until(lambda: output.sink.cursor == 903)
    await until(lambda: len(watch.heard) == 903)


async def test_a_refused_entry_is_no_delivery(tmp_path, mosquitto, script, outputs) -> None:
    rights = mosquitto.choice.directory / "rights"
    allowed = rights.read_text()
    rights.write_text(allowed.replace("topic readwrite fixbridge/local/#", "topic readwrite fixbridge/local/status"))
    os.kill(mosquitto.pid, signal.SIGHUP)
    await asyncio.sleep(0.2)
    output = outputs(script, mosquitto.choice)
    script.working()
    await until(lambda: output.sink.counters.refused.get("not_authorised", 0) > 0)
    await until(lambda: ("", "mqtt_refused") in output.states.alerts(0))
    assert output.sink.cursor == 0
    assert output.sink.counters.connected
    rights.write_text(allowed)
    os.kill(mosquitto.pid, signal.SIGHUP)
    await until(lambda: output.sink.cursor == 3)
    assert output.states.alerts(0) == {}


async def test_fills_that_nobody_subscribes_to_are_counted(mosquitto, script, outputs) -> None:
    output = outputs(script, mosquitto.choice)
    script.fill(script.working(), "100", "187.25")
    await until(lambda: output.sink.cursor == 4)
    assert output.sink.counters.unheard == 1


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_both_protocols_carry_the_same_bytes(mosquitto, script, outputs, listen, protocol) -> None:
    import msgspec

    watch = listen("fixbridge/local/events/#", v5=False)
    choice: Choice = mosquitto.choice
    end = msgspec.structs.replace(choice.endpoint, protocol=protocol)
    output = outputs(script, msgspec.structs.replace(choice, endpoint=end))
    script.fill(script.working(), "100", "187.25")
    await until(lambda: len(watch.heard) == 4)
    assert [payload for _, payload, _ in watch.heard] == [item.data for item in output.stream.after(0, 10)]


async def test_a_small_receive_maximum_is_respected(mosquitto, script, outputs, listen) -> None:
    conf = mosquitto.choice.directory / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("max_inflight_messages 200", "max_inflight_messages 5"))
    os.kill(mosquitto.pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    await until(lambda: mosquitto.pid is not None)
    output = outputs(script, mosquitto.choice)
    for _ in range(100):
        script.working()
    await until(lambda: output.sink.cursor == 300)
