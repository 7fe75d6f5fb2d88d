"""What is wrong with a configuration, said so that it can be put right at once: where, which key, found, allowed."""

import msgspec


class Problem(msgspec.Struct, frozen=True, order=True):
    """One fault. `where` is `file:line`, a variable or an option; `found` is empty where it could be a secret."""

    where: str
    key: str
    text: str
    found: str = ""
    allowed: str = ""

    def __str__(self) -> str:
        line = ": ".join(part for part in (self.where, self.key, self.text) if part)
        if self.found:
            line += f"; found {self.found}"
        if self.allowed:
            line += f"; allowed: {self.allowed}"
        return line


class SettingsError(Exception):
    """The configuration cannot be used; `problems` has one line each."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))
