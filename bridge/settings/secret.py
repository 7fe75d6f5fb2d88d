"""Secrets by reference: the document says where a secret is, never what it is."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, model_validator

from bridge.settings.section import Section

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

ALLOWED = "{env: NAME}, {file: PATH} or ${NAME}"


class Secret(Section):
    """A reference to a secret: `{env: NAME}`, `{file: PATH}`, or the placeholder `${NAME}` in a string.

    The value is read once by `resolve`, lives in a private attribute and appears in no dump, repr or log.
    """

    env: str | None = None
    """Environment variable that holds the secret."""
    file: Path | None = None
    """File whose content, without the line end, is the secret."""

    _value: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _reference_only(cls, data: Any) -> Any:
        if isinstance(data, str):
            if placeholder := _PLACEHOLDER.fullmatch(data):
                return {"env": placeholder[1]}
            raise ValueError("a secret may not stand in the document")
        return data

    @model_validator(mode="after")
    def _one_place(self) -> "Secret":
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is in exactly one place")
        return self

    def resolve(self, environ: Mapping[str, str]) -> str | None:
        """Read the secret; None when that worked, else one sentence saying why not."""
        if self.env is not None:
            if not environ.get(self.env):
                return f"the environment variable {self.env} is not set"
            self._value = environ[self.env]
            return None
        assert self.file is not None
        try:
            mode = os.stat(self.file).st_mode
            value = self.file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            return f"the secret file {self.file} cannot be read: {reason}"
        if mode & 0o007:
            return f"the secret file {self.file} is open to every user of this machine: chmod 600 it"
        if not value:
            return f"the secret file {self.file} is empty"
        self._value = value
        return None

    def reveal(self) -> str:
        """The secret itself. Raises LookupError before `resolve`."""
        if self._value is None:
            raise LookupError(f"secret {self} was not resolved")
        return self._value

    def __str__(self) -> str:
        return f"{{env: {self.env}}}" if self.env is not None else f"{{file: {self.file}}}"

    def __repr__(self) -> str:
        return f"Secret({self})"
