"""What goes over `/v1/stream`: client frames with `op`, server frames with `op` or the outward entry itself.

`docs/asyncapi.yaml` is generated from these (OUTPUTS.md section 5).
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bridge.control_commands import Verdict
from bridge.journal.encoding import OrderState
from bridge.outputs.http.bodies import CancelAllIn, NewOrderIn, OrderChangeIn
from bridge.outputs.http.text import ClOrdIdText

KINDS = ("orders", "positions", "accounts", "risk", "sessions", "brokers", "alerts", "quotes")
"""States that can be subscribed to; each is the REST resource of the same name."""

Id = Annotated[int, Meta(ge=0, le=2**53, description="Chosen by the client, echoed in the answer")]
Names = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=500)]


class ClientFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", forbid_unknown_fields=True):
    """What a client may send, told apart by `op`."""


class Auth(ClientFrame, frozen=True, kw_only=True, tag="auth"):
    """The token, where neither header nor cookie carries it: the first frame, within five seconds."""

    token: Annotated[str, Meta(max_length=128)]


class Subscribe(ClientFrame, frozen=True, kw_only=True, tag="subscribe"):
    """Entries above `after` that match, and states. Without `after` from now on, snapshots of the states first.

    An absent filter lets everything pass; `types: []` lets no entry pass. Quotes need `symbols`.
    """

    id: Id
    after: Annotated[int, Meta(ge=0, le=10**18)] | None = None
    accounts: Names | None = None
    types: Names | None = None
    symbols: Names | None = None
    states: Names = ()


class Unsubscribe(ClientFrame, frozen=True, kw_only=True, tag="unsubscribe"):
    """End the subscription of that id."""

    id: Id


class NewOrder(ClientFrame, frozen=True, kw_only=True, tag="new_order"):
    """As POST /v1/orders."""

    id: Id
    order: NewOrderIn
    dry_run: bool = False


class ReplaceOrder(ClientFrame, frozen=True, kw_only=True, tag="replace_order"):
    """As PATCH /v1/orders/{order_id}."""

    id: Id
    order_id: Annotated[int, Meta(ge=0, le=10**18)]
    change: OrderChangeIn
    if_match: Annotated[int, Meta(ge=0, le=10**18)] | None = None


class CancelOrder(ClientFrame, frozen=True, kw_only=True, tag="cancel_order"):
    """As DELETE /v1/orders/{order_id}."""

    id: Id
    order_id: Annotated[int, Meta(ge=0, le=10**18)]
    cl_ord_id: ClOrdIdText
    if_match: Annotated[int, Meta(ge=0, le=10**18)] | None = None


class CancelAll(ClientFrame, frozen=True, kw_only=True, tag="cancel_all"):
    """As POST /v1/orders/cancel-all."""

    id: Id
    request: CancelAllIn


ClientFrames = Auth | Subscribe | Unsubscribe | NewOrder | ReplaceOrder | CancelOrder | CancelAll
Ordering = NewOrder | ReplaceOrder | CancelOrder | CancelAll


class ServerFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", omit_defaults=True):
    """What the server sends beside entries, told apart by `op`."""


class Hello(ServerFrame, frozen=True, kw_only=True, tag="hello"):
    """Let in. `seq` is the newest entry; silence longer than twice `heartbeat_s` means that the connection is dead."""

    seq: int
    heartbeat_s: float
    name: str
    role: str


class Subscribed(ServerFrame, frozen=True, kw_only=True, tag="subscribed"):
    """The subscription stands; its first entry has at least number `start`, spelled `from` on the wire."""

    id: int
    start: int = msgspec.field(name="from")


class Unsubscribed(ServerFrame, frozen=True, kw_only=True, tag="unsubscribed"):
    """The subscription has ended."""

    id: int


class StateFrame(ServerFrame, frozen=True, kw_only=True, tag="state"):
    """States as of `seq`: all that there are with `snapshot`, in several frames while `more`; else those that changed.

    The newest of a key wins. An alert that is over comes with `over: true`.
    """

    id: int
    kind: str
    seq: int
    items: tuple[dict[str, Any], ...]
    snapshot: bool = False
    more: bool = False


class Heartbeat(ServerFrame, frozen=True, kw_only=True, tag="heartbeat"):
    """All entries up to `seq` that match have been sent: a filtered reader may move its cursor there."""

    seq: int
    time: datetime


class Done(ServerFrame, frozen=True, kw_only=True, tag="done"):
    """A request was taken; `status` as in REST. `replayed` when it had been taken before."""

    id: int
    status: int
    order: OrderState | None = None
    verdict: Verdict | None = None
    mass_id: int | None = None
    count: int | None = None
    order_ids: tuple[int, ...] = ()
    replayed: bool = False


class ProblemFrame(ServerFrame, frozen=True, kw_only=True, tag="problem"):
    """A frame was refused: the members of the problem details, and the frame's id where it could be read."""

    id: int | None = None
    type: str
    title: str
    status: int
    detail: str | None = None
    code: str | None = None
    rule: str | None = None
    limit: str | None = None
    value: str | None = None
    order_id: int | None = None
    seq: int | None = None
    retry_after: int | None = None
    order: dict[str, Any] | None = None


ServerFrames = Hello | Subscribed | Unsubscribed | StateFrame | Heartbeat | Done | ProblemFrame

CLOSES = {
    4400: "malformed: not JSON, or not a frame",
    4401: "unauthenticated",
    4403: "forbidden",
    4408: "slow: nothing was taken for 30 s; the reason is the cursor",
    4410: "`after` is older than the journal kept: take snapshots",
    1001: "the bridge drains",
    1012: "the engine restarts",
    1013: "too many clients",
}
