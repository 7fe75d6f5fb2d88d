"""What all parts of the configuration share: unknown keys are errors, values never change, docstrings are the help."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """One mapping of the configuration."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        validate_default=True,
        protected_namespaces=(),
    )


Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 takes any free one."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A duration in seconds."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name that may stand in a topic, a path and a metric label."""

CompId = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
"""A CompID: 1 to 64 printable ASCII characters without spaces."""


def loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host in ("localhost", "ip6-localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
