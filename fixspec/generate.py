"""A data dictionary in the QuickFIX XML form → Python tables.

`python -m fixspec.generate FIX44.xml > fixspec/fix44.py` writes the module that is checked in; `read` is also how
`Dictionary.from_xml` takes in a user's own dictionary.

Members of a message, header, trailer, component or group are tuples: `(tag, required)` for a field,
`(tag, required, members)` for a repeating group counted by `tag`, `(name, required)` for a component.
"""

import sys
import xml.etree.ElementTree as ET  # reads the operator's own dictionary, never a counterparty's bytes
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from fixspec.errors import DictionaryError

Member: TypeAlias = "tuple[int, bool] | tuple[str, bool] | tuple[int, bool, Members]"
Members: TypeAlias = "tuple[Member, ...]"


class Tables(NamedTuple):
    """A whole dictionary as plain data."""

    begin_string: str
    fields: dict[int, tuple[str, str]]
    """tag → (name, type in upper case)."""
    values: dict[int, dict[str, str]]
    """tag → text on the wire → description."""
    header: Members
    trailer: Members
    components: dict[str, Members]
    messages: dict[str, tuple[str, str, Members]]
    """MsgType(35) → (name, "admin" or "app", members)."""


def read(path: Path) -> Tables:
    """Read a QuickFIX XML dictionary; DictionaryError when it cannot be read or names a field it does not define."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314  # see the import
    except (OSError, ET.ParseError) as error:
        raise DictionaryError(f"{path}: {error}") from error
    try:
        return _tables(root)
    except DictionaryError as error:
        raise DictionaryError(f"{path}: {error}") from None


def _tables(root: ET.Element) -> Tables:
    fields: dict[int, tuple[str, str]] = {}
    values: dict[int, dict[str, str]] = {}
    tags: dict[str, int] = {}
    for field in root.findall("fields/field"):
        number, name = _attribute(field, "number"), _attribute(field, "name")
        if not number.isdecimal() or int(number) in fields or name in tags:
            raise DictionaryError(f"field {name} {number}: not a number, or defined twice")
        tag = tags[name] = int(number)
        fields[tag] = (name, _attribute(field, "type").upper())
        texts = {_attribute(value, "enum"): value.get("description", "") for value in field.findall("value")}
        if texts:
            values[tag] = texts

    def members(parent: ET.Element | None) -> Members:
        out: list[Member] = []
        for child in parent if parent is not None else ():
            name, required = _attribute(child, "name"), child.get("required", "N") == "Y"
            if child.tag == "component":
                out.append((name, required))
                continue
            if child.tag not in {"field", "group"}:
                raise DictionaryError(f"unexpected element {child.tag} {name}")
            if name not in tags:
                raise DictionaryError(f"{child.tag} {name} is used but not defined")
            if child.tag == "group":
                out.append((tags[name], required, members(child)))
            else:
                out.append((tags[name], required))
        return tuple(out)

    version = f"{root.get('type', 'FIX')}.{_attribute(root, 'major')}.{_attribute(root, 'minor')}"
    return Tables(
        begin_string=version,
        fields=fields,
        values=values,
        header=members(root.find("header")),
        trailer=members(root.find("trailer")),
        components={_attribute(item, "name"): members(item) for item in root.findall("components/component")},
        messages={
            _attribute(item, "msgtype"): (_attribute(item, "name"), item.get("msgcat", "app"), members(item))
            for item in root.findall("messages/message")
        },
    )


def _attribute(element: ET.Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise DictionaryError(f"an element {element.tag} has no attribute {name}")
    return value


def source(tables: Tables) -> str:
    """The Python module that holds `tables`, one entry a line."""
    lines = [
        f'"""{tables.begin_string}: fields, values, components, messages. Written by fixspec.generate, not by hand."""',
        "",
        "from fixspec.generate import Members",
        "",
        f'BEGIN_STRING = "{tables.begin_string}"',
    ]

    def table(name: str, annotation: str, entries: Mapping[int, object] | Mapping[str, object]) -> None:
        lines.extend(["", f"{name}: {annotation} = {{"])
        lines.extend(f"    {key!r}: {value!r}," for key, value in entries.items())
        lines.append("}")

    def block(name: str, members: Members) -> None:
        lines.extend(["", f"{name}: Members = ("])
        lines.extend(f"    {member!r}," for member in members)
        lines.append(")")

    table("FIELDS", "dict[int, tuple[str, str]]", dict(sorted(tables.fields.items())))
    table("VALUES", "dict[int, dict[str, str]]", dict(sorted(tables.values.items())))
    block("HEADER", tables.header)
    block("TRAILER", tables.trailer)
    table("COMPONENTS", "dict[str, Members]", tables.components)
    table("MESSAGES", "dict[str, tuple[str, str, Members]]", tables.messages)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m fixspec.generate DICTIONARY.xml > fixspec/fix44.py")
    sys.stdout.write(source(read(Path(sys.argv[1]))))
