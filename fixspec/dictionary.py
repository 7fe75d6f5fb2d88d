"""The FIX data dictionary: which fields exist, what they hold, where they belong.

`FIX44` is FIX 4.4 itself with our user-defined fields; `Dictionary.from_xml` loads a counterparty's own dictionary.
`Validation` says which of its rules a session enforces.
"""

from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import msgspec

from fixspec import enums, fix44
from fixspec.enums import FixEnum
from fixspec.errors import DictionaryError
from fixspec.generate import Members, Tables, read
from fixspec.messages import CUSTOM_FIELDS, EXTENSIONS, SERVED
from fixspec.plans import attribute

USER_DEFINED = 5000
"""Tags from here on are user-defined (FIX 4.4 volume 1, "User defined fields")."""

Rule = Literal["reject", "ignore"]


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """How strictly messages are held to the dictionary.

    Whatever is set here, a message must be readable: types of modelled fields, counts of repeating groups, repeated
    fields and the fields its Struct requires are always checked, since an order must not be guessed at.
    """

    unknown_tags: Rule = "reject"
    """Tags below 5000 the dictionary does not have: INVALID_TAG_NUMBER(0), or kept in `other`."""
    user_defined_tags: Rule = "ignore"
    """Tags from 5000 on the dictionary does not have: the same."""
    misplaced_tags: Rule = "reject"
    """Tags the dictionary has for other messages: TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE(2), or kept in `other`."""
    required_fields: Rule = "reject"
    """Absent fields which the dictionary requires: REQUIRED_TAG_MISSING(1)."""
    empty_values: Rule = "reject"
    """Tags without a value: TAG_SPECIFIED_WITHOUT_A_VALUE(4), or taken as absent."""
    enum_values: Rule = "reject"
    """Values the dictionary does not list: VALUE_IS_INCORRECT(5), or kept in `other`."""
    unmodelled_values: Rule = "reject"
    """Types and values of fields which go to `other` anyway: INCORRECT_DATA_FORMAT_FOR_VALUE(6), or not looked at."""
    formats: Rule = "reject"
    """Values written otherwise than FIX 4.4 says but of plain meaning: INCORRECT_DATA_FORMAT_FOR_VALUE(6), or taken.

    Numbers with up to 38 digits before and after the point, `.5`, times with any number of fraction digits up to 12.
    """
    field_order: Rule = "reject"
    """Header, body, trailer in this order: TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER(14)."""
    group_order: Rule = "reject"
    """The dictionary's order inside a repeating group: REPEATING_GROUP_FIELDS_OUT_OF_ORDER(15)."""


STRICT = Validation()
"""For what clients send us."""

LENIENT = Validation(
    unknown_tags="ignore",
    user_defined_tags="ignore",
    misplaced_tags="ignore",
    required_fields="ignore",
    empty_values="ignore",
    enum_values="ignore",
    unmodelled_values="ignore",
    formats="ignore",
    field_order="ignore",
    group_order="ignore",
)
"""For what brokers send us: a surprise in a report must not lose the fill it tells of."""


class Field(msgspec.Struct, frozen=True):
    """One field: its FIX type in upper case, and the values it may have (empty: any)."""

    tag: int
    name: str
    type: str
    values: frozenset[str]


class Layout(msgspec.Struct, frozen=True):
    """The fields of a header, body, trailer or group entry in the dictionary's order; the first delimits a group."""

    required: frozenset[int]
    groups: "dict[int, Layout]"
    """NumInGroup tag → its entries."""
    positions: dict[int, int]
    """Tag → place in the order."""

    @property
    def delimiter(self) -> int:
        """The tag every entry of this group starts with."""
        return next(iter(self.positions))


def _custom_values(name: str) -> frozenset[str]:
    """The values of one of our own fields: those of the enumeration of its name, if there is one."""
    enum: type[FixEnum] | None = getattr(enums, name, None)
    return frozenset(member.wire.decode() for member in enum) if enum is not None else frozenset()


class Dictionary:
    """Fields, messages, groups and components of one FIX dialect. Layouts are worked out when first asked for."""

    def __init__(self, tables: Tables) -> None:
        """Raises DictionaryError when the tables contradict themselves."""
        self._tables = tables
        self.begin_string = tables.begin_string
        self.fields = {
            tag: Field(tag, name, kind, frozenset(tables.values.get(tag, ())))
            for tag, (name, kind) in tables.fields.items()
        }
        for tag, (name, kind) in CUSTOM_FIELDS.items():
            self.fields.setdefault(tag, Field(tag, name, kind, _custom_values(name)))
        self.messages = {msg_type: name for msg_type, (name, _, _) in tables.messages.items()}
        self._layouts: dict[str, Layout] = {}
        for msg_type in ("0", "A"):
            if msg_type not in self.messages:
                raise DictionaryError(f"message type {msg_type} is not defined")
        if not {8, 9, 35, 34, 49, 52, 56} <= set(self.header.positions) or 10 not in self.trailer.positions:
            raise DictionaryError("header or trailer is incomplete")

    @classmethod
    def from_xml(cls, path: str | Path) -> Self:
        """A dictionary in the QuickFIX XML form; DictionaryError when it is wrong, unreadable or not FIX.4.4."""
        tables = read(Path(path))
        if tables.begin_string != fix44.BEGIN_STRING:
            raise DictionaryError(f"{path}: {tables.begin_string}, but the sessions here are {fix44.BEGIN_STRING}")
        dictionary = cls(tables)
        _ = dictionary.data_of
        for msg_type in dictionary.messages:
            dictionary.layout(msg_type)
        return dictionary

    def label(self, tag: int) -> str:
        """`ClOrdID(11)`, or `tag 99999` when the dictionary does not know it."""
        field = self.fields.get(tag)
        return f"{field.name}({tag})" if field else f"tag {tag}"

    @cached_property
    def header(self) -> Layout:
        """The standard header."""
        return self._layout(self._tables.header)

    @cached_property
    def trailer(self) -> Layout:
        """The standard trailer."""
        return self._layout(self._tables.trailer)

    @cached_property
    def data_of(self) -> dict[int, int]:
        """Length tag → the data field whose size it tells, for example RawDataLength(95) → RawData(96)."""
        tags = {field.name: tag for tag, field in self.fields.items()}
        pairs = {}
        for tag, field in self.fields.items():
            if field.type in {"DATA", "XMLDATA"}:
                length = tags.get(field.name + "Len") or tags.get(field.name + "Length")
                if length is None:
                    raise DictionaryError(f"{field.name}({tag}) has no length field")
                pairs[length] = tag
        return pairs

    def layout(self, msg_type: str) -> Layout:
        """The body of a message type, with our own fields where its Struct models them; KeyError when unknown."""
        layout = self._layouts.get(msg_type)
        if layout is None:
            members = self._tables.messages[msg_type][2]
            served = SERVED.get(msg_type)
            if served is not None:
                ours = [tag for tag, (name, _) in CUSTOM_FIELDS.items() if attribute(name) in served.__struct_fields__]
                members += tuple((tag, False) for tag in (*EXTENSIONS.get(msg_type, ()), *ours))
            layout = self._layouts[msg_type] = self._layout(members)
        return layout

    def _layout(self, members: Members, inside: tuple[str, ...] = ()) -> Layout:
        positions: dict[int, int] = {}
        groups: dict[int, Layout] = {}
        required: set[int] = set()

        def add(members: Members, demanded: bool, inside: tuple[str, ...]) -> None:
            for member in members:
                key, needed = member[0], member[1] and demanded
                if isinstance(key, str):
                    if key in inside or key not in self._tables.components:
                        raise DictionaryError(f"component {key} is not defined, or contains itself")
                    parts = self._tables.components[key]
                    add(parts, needed, (*inside, key))
                    if needed and len(parts) == 1 and len(parts[0]) == 3:
                        # A required component that is nothing but a group (Parties in RequestForPositions(AN)).
                        required.add(parts[0][0])
                elif key not in positions:
                    if key not in self.fields:
                        raise DictionaryError(f"tag {key} is not defined")
                    positions[key] = len(positions)
                    if needed:
                        required.add(key)
                    if len(member) == 3:
                        groups[key] = self._layout(member[2], inside)
                        if not groups[key].positions:
                            raise DictionaryError(f"group {self.label(key)} is empty")

        add(members, True, inside)
        return Layout(required=frozenset(required), groups=groups, positions=positions)


FIX44 = Dictionary(
    Tables(
        begin_string=fix44.BEGIN_STRING,
        fields=fix44.FIELDS,
        values=fix44.VALUES,
        header=fix44.HEADER,
        trailer=fix44.TRAILER,
        components=fix44.COMPONENTS,
        messages=fix44.MESSAGES,
    )
)
"""FIX 4.4."""
