"""Random, hostile histories of a client and a broker, and what must hold after each step of them."""

from decimal import Decimal

from hypothesis import strategies as st
from rig import Rig, check_invariants

from bridge.orders import reports
from bridge.orders.blotter import Blotter, freeze, thaw
from bridge.orders.events import Request
from bridge.outputs.fix import FixReports
from fixspec.enums import CxlRejReason, ExecRestatementReason, OrdStatus, Side

QTY = st.integers(1, 120).map(str)
PRICE = st.sampled_from(["9.90", "10.00", "10.05", "10.333"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), QTY, PRICE, st.sampled_from(["0", "1", "3", "4"]), st.sampled_from(["1", "2"])),
        st.tuples(st.just("again"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("cancel"), st.integers(0, 3)),
        st.tuples(st.just("replace"), st.integers(0, 3), QTY, PRICE),
        st.tuples(st.just("fill"), st.integers(0, 3), QTY, PRICE),
        st.tuples(st.just("refill"), st.integers(0, 9)),
        st.tuples(st.just("correct"), st.integers(0, 9), QTY, PRICE, st.integers(1, 3)),
        st.tuples(st.just("bust"), st.integers(0, 9)),
        st.tuples(
            st.sampled_from(
                ["ack", "refuse", "canceled", "expired", "replaced", "replace_refused", "cancel_refused", "done",
                 "suspend", "restate", "unknown", "absent", "cod", "mass"]
            ),
            st.integers(0, 3),
        ),
        st.tuples(st.just("restart"), st.integers(0, 3)),
    ),
    max_size=40,
)  # fmt: skip


class History:
    """Applies steps to a rig and checks what must always hold after each."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.orders: list[str] = []
        self.fills: list[tuple[str, str, str, str]] = []
        self.meaning: dict[str, tuple[str, ...]] = {}
        self.last_seq = 0

    def pick(self, index: int) -> str | None:
        return self.orders[index % len(self.orders)] if self.orders else None

    def apply(self, step: tuple) -> None:
        kind, *rest = step
        getattr(self, f"do_{kind}")(*rest)
        self.check()

    def do_order(self, qty, price, tif, side):
        self.orders.append(self.rig.order(qty, price, t59=tif, t54=side))

    def do_again(self, index, resend):
        if (cl_ord_id := self.pick(index)) is not None:
            more = {"t97": "Y"} if resend else {}
            self.rig.order("7", "10.00", cl_ord_id=cl_ord_id, **more)

    def do_cancel(self, index):
        if (cl_ord_id := self.pick(index)) is not None:
            order = self.rig.of(cl_ord_id)
            self.rig.cancel(order.cl_ord_id, t54=order.side.wire.decode())

    def do_replace(self, index, qty, price):
        if (cl_ord_id := self.pick(index)) is not None:
            order = self.rig.of(cl_ord_id)
            self.rig.replace(order.cl_ord_id, qty, price, t54=order.side.wire.decode())

    def do_fill(self, index, qty, price):
        if (cl_ord_id := self.pick(index)) is not None:
            exec_id = self.rig.broker.fill(qty, price, order=self.rig.of(cl_ord_id))
            self.fills.append((exec_id, qty, price, cl_ord_id))

    def do_refill(self, index):
        if self.fills:
            exec_id, qty, price, cl_ord_id = self.fills[index % len(self.fills)]
            self.rig.broker.fill(qty, price, exec_id, order=self.rig.of(cl_ord_id))

    def do_correct(self, index, qty, price, revision):
        if self.fills:
            exec_id, _, _, cl_ord_id = self.fills[index % len(self.fills)]
            self.rig.broker.fill(qty, price, exec_id, order=self.rig.of(cl_ord_id), revision=revision)

    def do_bust(self, index):
        if self.fills:
            exec_id, _, _, cl_ord_id = self.fills[index % len(self.fills)]
            self.rig.broker.bust(exec_id, self.rig.of(cl_ord_id))

    def do_restart(self, _):
        """A fold of the journal replaces the state, as after a crash."""
        blotter = Blotter()
        for entry in self.rig.journal.read():
            blotter.apply(entry)
        assert freeze(blotter) == freeze(self.rig.desk.blotter)
        assert freeze(thaw(freeze(blotter))) == freeze(blotter)

    def __getattr__(self, name: str):
        said = {
            "do_ack": (reports.Acknowledged, {"broker_order_id": "B"}),
            "do_refuse": (reports.Refused, {"text": "no"}),
            "do_canceled": (reports.Canceled, {}),
            "do_expired": (reports.Expired, {}),
            "do_replaced": (reports.Replaced, {}),
            "do_replace_refused": (reports.ReplaceRefused, {"text": "no"}),
            "do_cancel_refused": (reports.CancelRefused, {"text": "no", "cxl_rej_reason": CxlRejReason.OTHER}),
            "do_done": (reports.DoneForDay, {}),
            "do_suspend": (reports.Suspended, {}),
            "do_restate": (reports.Restated, {"reason": ExecRestatementReason.OTHER}),
            "do_unknown": (reports.NoAnswer, {"request": Request.SUBMIT, "text": "?"}),
            "do_absent": (reports.Absent, {"text": "never seen"}),
        }
        if name in said:
            kind, fields = said[name]
            return lambda index: self._say(index, kind, fields)
        raise AttributeError(name)

    def _say(self, index, kind, fields):
        if (cl_ord_id := self.pick(index)) is not None:
            self.rig.broker.tell(kind, self.rig.of(cl_ord_id), **fields)

    def do_cod(self, _):
        self.rig.gateway.on_cancel_on_disconnect("ALPHA", "lost")

    def do_mass(self, _):
        self.rig.send("q", (11, self.rig.next_id()), (530, "7"), (60, self.rig.stamp()))

    def check(self) -> None:
        for fields in self.rig.heard():
            if fields[35] != "8":
                continue
            check_invariants(fields)
            seq = int(fields[5735])
            if fields[150] != "I":
                assert seq > self.last_seq, "I7: reports leave in journal order"
                self.last_seq = seq
                meaning = (fields[37], fields[150], fields.get(32, ""), fields.get(31, ""), fields[11])
                assert self.meaning.setdefault(fields[17], meaning) == meaning, "an ExecID means one thing"
        self.check_books()
        origins = self.rig.origins
        if origins:
            behind = FixReports([self.rig.terms], lambda *_: None)
            behind.resume({"ALPHA": origins["ALPHA"] - 1})
            assert behind.missing(self.rig.desk.blotter.told()) == origins["ALPHA"] - 1, "a report not stored is missed"

    def check_books(self) -> None:
        blotter = self.rig.desk.blotter
        live: dict[int, list[tuple[Decimal, Decimal]]] = {}
        for execution in blotter.all_executions():
            if not execution.busted:
                live.setdefault(execution.order_id, []).append((execution.last_qty, execution.last_px))
        total, buys, sells, open_count = Decimal(0), Decimal(0), Decimal(0), 0
        for order in blotter.orders():
            fills = live.get(order.order_id, [])
            assert order.cum_qty == sum((qty for qty, _ in fills), Decimal(0)), "I1"
            assert order.gross == sum((qty * px for qty, px in fills), Decimal(0)), "I2"
            total += order.cum_qty if order.side is Side.BUY else -order.cum_qty
            if order.open:
                open_count += 1
                buys += order.reserved_qty if order.side is Side.BUY else 0
                sells += order.reserved_qty if order.side is not Side.BUY else 0
            else:
                pending = order.pending_cancel is not None or order.pending_replace is not None
                ended = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED,
                         OrdStatus.DONE_FOR_DAY, OrdStatus.PARTIALLY_FILLED}  # fmt: skip
                assert pending or order.ord_status in ended, order.ord_status
        working = blotter.working("ACC1", "AAPL")
        assert (working.buy_qty, working.sell_qty) == (buys, sells), "reservations are the working orders"
        assert working.buy_orders + working.sell_orders == open_count == blotter.open_count("ACC1")
        assert blotter.position("ACC1", "AAPL").qty == total, "positions are the fills"
        assert sum((book.qty for _, book in blotter.books()), Decimal(0)) == total, "books add up to the account"
