"""What follows from a message or a report: pure functions from (state, message) to events.

They read no clock and change nothing: `Engine.commit` makes their answers facts.
"""

from bridge.decide.changes import cancel, cancel_for, replace
from bridge.decide.mass import mass_cancel
from bridge.decide.orders import new_order, verdict
from bridge.decide.reports import report

__all__ = ["cancel", "cancel_for", "mass_cancel", "new_order", "replace", "report", "verdict"]
