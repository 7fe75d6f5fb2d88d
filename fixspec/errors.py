"""What fixspec raises.

    FixError
    ├── FieldError        a value that its FIX type does not allow (also a ValueError)
    ├── EncodeError       a message that cannot be written as FIX (also a ValueError)
    └── DictionaryError   a data dictionary that contradicts itself or cannot be read (also a ValueError)

Input from a counterparty never raises: the framer counts it as garbled, the codec returns a SessionReject.
"""


class FixError(Exception):
    """Everything fixspec raises on purpose."""


class FieldError(FixError, ValueError):
    """A value that its FIX type does not allow."""


class EncodeError(FixError, ValueError):
    """A message that cannot be written as FIX: SOH inside a value, an empty required field, a naive datetime, NaN."""


class DictionaryError(FixError, ValueError):
    """A data dictionary that contradicts itself or cannot be read."""
