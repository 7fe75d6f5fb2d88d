"""What can come back instead of an answer.

BridgeError
├── BadRequest        the request was malformed: a bug of the caller
├── Unauthorized      no token, a wrong one, or one that does not cover this
├── NotFound          nothing is known under that name
├── Conflict          duplicate id with other terms, pending already, changed since, not possible now
├── Refused           validation, risk or the broker refused; code, rule, limit, value say why
├── Unavailable       starting, draining, not reachable: nothing was accepted
└── OutcomeUnknown    handed over and not answered, and asking did not help: the only "maybe"
"""

from bridge.problems import Problem, problem


class BridgeError(Exception):
    """Root of all; `problem` has everything the bridge said."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem

    @property
    def code(self) -> str | None:
        """Reason code of FIX-APP section 8."""
        return self.problem.code


class BadRequest(BridgeError):
    """The request was malformed."""


class Unauthorized(BridgeError):
    """No token, a wrong one, or one that does not cover this."""


class NotFound(BridgeError):
    """Nothing is known under that name or number."""


class Conflict(BridgeError):
    """Not possible in the present state; `problem.order` is the order as it is, where one stands in the way."""


class Refused(BridgeError):
    """The order, or the change, was refused for good."""

    @property
    def rule(self) -> str | None:
        """The risk rule, such as R03."""
        return self.problem.rule

    @property
    def limit(self) -> str | None:
        """Its limit."""
        return self.problem.limit

    @property
    def value(self) -> str | None:
        """What was over it."""
        return self.problem.value


class Unavailable(BridgeError):
    """Nothing was accepted: try again later."""


class OutcomeUnknown(BridgeError):
    """Whether it was done is unknown. Ask for the order by its `cl_ord_id`; never enter it under another id."""

    def __init__(self, problem: Problem, cl_ord_id: str | None = None) -> None:
        super().__init__(problem)
        self.cl_ord_id = cl_ord_id


_BY_STATUS: dict[int, type[BridgeError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: BadRequest,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    413: BadRequest,
    415: BadRequest,
    421: BadRequest,
    422: Refused,
    429: Unavailable,
    503: Unavailable,
    504: OutcomeUnknown,
}


def error_of(refusal: Problem) -> BridgeError:
    """The exception for a problem; a status without a meaning of its own is BridgeError."""
    return _BY_STATUS.get(refusal.status, BridgeError)(refusal)


def unavailable(detail: str) -> Unavailable:
    """Not reachable, by our own word."""
    return Unavailable(problem("unavailable", detail))
