"""The one door through which limits change: who, when, old, new, reason, expiry (RISK-TCA 2.7).

Tightening holds at once, loosening after a delay, so that a mistake can still be taken back. A change that expires
lasts at most a day. Where a second person is asked for, loosening needs one.
"""

from datetime import datetime, timedelta

import msgspec

from bridge.orders.events import LimitChanged, Scope
from bridge.risk.limits import INFINITY, Limit, LimitError, LimitMode, Limits, Place, row
from bridge.risk.profiles import BY_NAME, Strictest
from bridge.risk.times import utc_ns
from bridge.risk.written import check_place


class ChangeTerms(msgspec.Struct, frozen=True):
    """How limits may be changed."""

    loosen_delay: timedelta = timedelta(seconds=60)
    longest_override: timedelta = timedelta(days=1)
    second_person: bool = False


def change_limit(
    limits: Limits,
    *,
    rule: str,
    scope: Scope,
    name: str = "",
    new: str | None,
    who: str,
    reason: str,
    now: datetime,
    expiry: datetime | None = None,
    approver: str | None = None,
    terms: ChangeTerms = ChangeTerms(),  # noqa: B008 - a frozen value
) -> LimitChanged:
    """The entry that changes a limit; `new` None goes back to what is configured or built in.

    Raises LimitError, with what is allowed, for a change that may not be made.
    """
    if not who.strip() or not reason.strip():
        raise LimitError("a limit is changed by a named person, with a reason")
    check_place(scope, name)
    wanted = row(rule, new, scope, name).limit if new is not None else None
    if expiry is not None and not now < expiry <= now + terms.longest_override:
        raise LimitError(f"expiry is after now and at most {terms.longest_override} from now")
    place = (rule, scope, name)
    old = limits.in_force(place, utc_ns(now))
    loosens = not tightens(limits, place, wanted, now)
    if loosens and terms.second_person and (not (approver or "").strip() or approver == who):
        raise LimitError("loosening a limit needs a second person's approval")
    return LimitChanged(
        rule=rule,
        scope=scope,
        name=name,
        old=None if old is None else str(old),
        new=None if wanted is None else str(wanted),
        who=who,
        reason=reason,
        effective=now + terms.loosen_delay if loosens else now,
        expiry=expiry,
        approver=approver,
    )


def tightens(limits: Limits, place: Place, wanted: Limit | None, now: datetime) -> bool:
    """True when the change surely lets nothing pass that would not have passed before. What is not sure waits."""
    rule, scope, _ = place
    parameter = BY_NAME.get(rule)
    now_ns = utc_ns(now)
    before = limits.in_force(place, now_ns)
    after = wanted if wanted is not None else limits.configured.get(place)
    if after is None:
        return False  # what holds then depends on the order
    if before is None:
        # The first limit at this place takes the built-in value's, except where a global limit holds already: beside
        # that any other can only tighten.
        everywhere = limits.in_force((rule, Scope.GLOBAL, ""), now_ns) if scope is not Scope.GLOBAL else None
        if everywhere is not None:
            return after.mode is not LimitMode.OFF
        if parameter is None:
            return False
        before = limits.built_in_tightest(parameter)
    strictest = parameter.strictest if parameter is not None else Strictest.SMALLEST
    if strictest is Strictest.COMMON or strictest is Strictest.ALL:
        return _tightens_names(before, after, strictest)
    blocks = [limit.value if limit.mode is LimitMode.BLOCK else None for limit in (before, after)]
    if strictest is Strictest.LARGEST:
        was, will_be = (value if value is not None else -INFINITY for value in blocks)
        return will_be >= was
    was, will_be = (value if value is not None else INFINITY for value in blocks)
    return will_be <= was


def _tightens_names(before: Limit, after: Limit, strictest: Strictest) -> bool:
    if after.mode is not LimitMode.BLOCK or after.names is None:
        return before.mode is not LimitMode.BLOCK
    if before.mode is not LimitMode.BLOCK or before.names is None:
        return True
    return after.names >= before.names if strictest is Strictest.ALL else after.names <= before.names
