"""Quantities and prices at the border: text of plain digits, nothing else.

The JSON library would turn "NaN", "1e400", " 1" and full-width digits into a Decimal without complaint: the pattern,
not the library, is the guard (OUTPUTS section 0).
"""

import re
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from bridge.problems import FieldFault, ProblemError, problem

END = r"$(?!\n)"  # Python's $ also matches before a final newline, JSON Schema's does not
UNSIGNED = r"^[0-9]{1,15}(\.[0-9]{1,15})?" + END
SIGNED = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?" + END
SIGNIFICANT = 15

_WHOLE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")

QtyText = Annotated[
    str,
    Meta(
        pattern=UNSIGNED,
        max_length=31,
        description="A quantity: plain digits, at most 15 significant",
        examples=["100"],
    ),
]
PriceText = Annotated[
    str,
    Meta(
        pattern=SIGNED, max_length=32, description="A price: plain digits, at most 15 significant", examples=["187.25"]
    ),
]
SymbolText = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+" + END, examples=["AAPL"])]
ClOrdIdText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[!-~]([ -~]*[!-~])?" + END,
        description="ClOrdID(11): 1 to 64 printable ASCII characters without outer spaces",
        examples=["A-17"],
    ),
]
AccountText = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+" + END, examples=["ACC1"])]
ReasonText = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S", description="Why: kept in the journal")]


def decimal_of(text: str, field: str) -> Decimal:
    """The number a field's text stands for; ProblemError `malformed` for anything but plain digits."""
    if _WHOLE.fullmatch(text) is None:
        fault = f"expected plain digits such as 187.25, got {text[:40]!r}"
    elif len(text.replace(".", "").lstrip("-0")) > SIGNIFICANT:
        fault = f"more than {SIGNIFICANT} significant digits"
    else:
        return Decimal(text)
    raise ProblemError(problem("malformed", f"{field}: {fault}", errors=(FieldFault(field, fault),)))


def decimal_or_none(text: str | None, field: str) -> Decimal | None:
    """`decimal_of`, or None for an absent field."""
    return None if text is None else decimal_of(text, field)
