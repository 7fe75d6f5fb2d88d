"""Books every fill of an account once, from MQTT; asks REST only for what MQTT could not bring. Needs paho-mqtt.

python examples/book_fills.py PAPER mqtt://watch:PASSWORD@127.0.0.1:1883 http://127.0.0.1:8080 fills.db
"""

import json
import os
import sqlite3
import sys
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

account, broker, rest = sys.argv[1], urlsplit(sys.argv[2]), sys.argv[3]
token = os.environ.get("FIXBRIDGE_TOKEN")
book = sqlite3.connect(sys.argv[4])
book.execute("create table if not exists fill (exec_id text primary key, symbol, side, qty, px)")
book.execute("create table if not exists seen (id integer primary key, seq integer)")


def last() -> int:
    return (book.execute("select seq from seen").fetchone() or (0,))[0]


def take(entry: dict) -> None:
    event, order = entry["event"], entry.get("order", {})
    if entry["seq"] > last():  # not above: told before, QoS 1 and a restart on either side repeat
        with book:  # the fill and how far we are: both or neither
            if event["type"] in ("trade_corrected", "trade_busted"):
                book.execute("delete from fill where exec_id = ?", (event["exec_ref_id"],))
            if event["type"] in ("order_filled", "trade_corrected"):
                fill = (event["exec_id"], order["symbol"], order["side"], event["last_qty"], event["last_px"])
                book.execute("insert into fill values (?, ?, ?, ?, ?)", fill)
            book.execute("replace into seen values (1, ?)", (entry["seq"],))


def catch_up() -> None:
    page: dict = {"next": last(), "seq": sys.maxsize}
    while page["next"] < page["seq"]:
        request = Request(f"{rest}/v1/entries?account={quote(account)}&after={page['next']}")
        request.headers |= {"Authorization": f"Bearer {token}"} if token else {}
        page = json.load(urlopen(request, timeout=30))
        for entry in page["items"]:
            take(entry)


def connected(client: mqtt.Client, userdata: object, flags: mqtt.ConnectFlags, *_: object) -> None:
    client.subscribe(f"fixbridge/+/events/{quote(account, safe='')}/#", qos=1)
    if not flags.session_present:
        catch_up()  # the broker has kept nothing for us


def heard(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
    entry = json.loads(message.payload)
    if entry.get("account_prev", 0) > last():
        catch_up()  # something between is missing
    take(entry)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"book-fills-{account}", protocol=mqtt.MQTTv5)
client.username_pw_set(broker.username, broker.password)
client.on_connect, client.on_message = connected, heard
keep = Properties(PacketTypes.CONNECT)
keep.SessionExpiryInterval = 7 * 86_400  # seconds that the broker keeps our messages while we are away
client.reconnect_delay_set(1, 10)
client.connect(broker.hostname, broker.port or 1883, 10, clean_start=False, properties=keep)
client.loop_forever()
