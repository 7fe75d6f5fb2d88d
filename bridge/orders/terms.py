"""What a session may do and how it wants to be answered: the application's side of a session's configuration."""

from enum import Enum

import msgspec


class SessionKind(Enum):
    """What a session is for (FIX-APP section 1)."""

    ORDER_ENTRY = "order_entry"
    DROP_COPY = "drop_copy"
    ADMIN = "admin"


class UnknownTags(Enum):
    """What happens to tags we do not model."""

    IGNORE = "ignore"
    REJECT = "reject"


class SessionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of engagement of one session, by its name."""

    session_id: str
    kind: SessionKind = SessionKind.ORDER_ENTRY
    accounts: tuple[str, ...] = ()  # entitled accounts; Account(1) may be omitted when there is exactly one
    strategies: tuple[str, ...] = ()  # allowed SenderSubID(50), empty = any
    ack_pending_new: bool = False
    custom_tags: bool = True
    lenient_cancel: bool = True  # F may quote any id of a live chain
    replace_inherits_tif: bool = False
    unknown_tags: UnknownTags = UnknownTags.IGNORE
    extended_enums: bool = False  # send reject reasons of later FIX versions
    timestamp_digits: int = 3
    drop_accounts: tuple[str, ...] = ()  # drop copy: only these accounts, empty = all
    drop_sessions: tuple[str, ...] = ()
    cancel_account_orders: bool = False  # cancel on disconnect takes the account's orders, not only the session's
    cancel_excludes_gt: bool = True
