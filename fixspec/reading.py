"""A frame's fields under the rules of a dictionary: the exact way to read a message, and to name what is wrong with it.

`Reader` walks header, body and trailer once, in wire order, and reports the first thing wrong as `Refused` with the
SessionRejectReason(373) and the tag (FIX 4.4 volume 2, "Reject"). What it read are `Item`s, which `assemble` turns into
a Struct; the codec also learns from them how to read the next message with the same tags faster.
"""

from typing import Any

import msgspec

from fixspec.dictionary import USER_DEFINED
from fixspec.enums import SessionRejectReason
from fixspec.errors import FieldError
from fixspec.fields import PARSERS, parse_count
from fixspec.plans import Kind, Plan, plan
from fixspec.rules import Block, Field, Rules
from fixspec.tokens import MALFORMED, Refused, Token, tokens

ENVELOPE = frozenset({8, 9, 10})
"""Fields the framer has checked."""


class Item(msgspec.Struct):
    """A field as read: `at` is its place among the tokens; a group has `entries` instead of a value."""

    field: Field | None
    tag: int
    at: int
    value: Any = None
    entries: "list[list[Item]] | None" = None


class Reader:
    """One message on its way through the rules. `learnable` stays True while its tags alone decided everything."""

    def __init__(self, rules: Rules, text: str) -> None:
        self.rules = rules
        self.dictionary = rules.dictionary
        self.validation = rules.validation
        self.tokens = tokens(text, rules.dictionary)
        self.at = 0
        self.learnable = True
        self._length_of = {data: length for length, data in rules.dictionary.data_of.items()}

    def header(self) -> tuple[list[Item], Refused | None]:
        """The header's fields and the first thing wrong among them; reading goes on to get the rest of them."""
        for place, tag in enumerate((8, 9, 35)):
            if place >= len(self.tokens) or self.tokens[place].tag != tag:
                fault = self.tokens[place].fault if place < len(self.tokens) else None
                return [], fault or Refused(
                    SessionRejectReason.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER,
                    tag,
                    f"{self.dictionary.label(tag)} is not field {place + 1}",
                )
        fault = None
        items: list[Item] = []
        seen: set[int] = set()
        fields = self.rules.header.fields
        while self.at < len(self.tokens) and self.tokens[self.at].tag in fields:
            try:
                self._known(self.rules.header, fields[self.tokens[self.at].tag], items, seen)
            except Refused as refused:
                fault = fault or refused
                self.at += 1
        return items, fault or self._missing(self.rules.header, seen)

    def body(self, block: Block, header: list[Item]) -> list[Item]:
        """The fields between header and trailer, then the trailer's; raises Refused."""
        items: list[Item] = []
        seen: set[int] = set()
        trailer: set[int] = set()
        header_tags, trailer_tags = self.rules.header.fields, self.rules.trailer.fields
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            tag = token.tag
            if tag in trailer_tags:
                self._known(self.rules.trailer, trailer_tags[tag], items, trailer)
                continue
            if tag != MALFORMED and trailer and self.validation.field_order == "reject":
                raise self._disorder(tag, "follows the trailer")
            field = block.fields.get(tag)
            if field is not None:
                self._known(block, field, items, seen)
            elif tag in header_tags:
                if self.validation.field_order == "reject":
                    raise self._disorder(tag, "belongs before the body")
                self.learnable = False
                self._known(self.rules.header, header_tags[tag], header, {item.tag for item in header})
            else:
                self._stranger(token, block, items)
        if self.tokens[-1].tag != 10:
            raise self._disorder(10, "is not the last field")
        fault = self._missing(block, seen)
        if fault is not None:
            raise fault
        return items

    def _disorder(self, tag: int, what: str) -> Refused:
        return Refused(
            SessionRejectReason.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER, tag, f"{self.dictionary.label(tag)} {what}"
        )

    def _missing(self, block: Block, seen: set[int]) -> Refused | None:
        if self.validation.required_fields == "reject" and not block.layout.required <= seen:
            for tag in block.layout.positions:
                if tag in block.layout.required and tag not in seen:
                    return self.required(tag)
        return None

    def required(self, tag: int) -> Refused:
        """The refusal of a message without field `tag`."""
        return Refused(SessionRejectReason.REQUIRED_TAG_MISSING, tag, f"{self.dictionary.label(tag)} is required")

    def _known(self, block: Block, field: Field, items: list[Item], seen: set[int]) -> None:
        """Read the field at hand, which belongs to `block`."""
        token, at = self.tokens[self.at], self.at
        if field.tag in seen:
            raise Refused(
                SessionRejectReason.TAG_APPEARS_MORE_THAN_ONCE,
                field.tag,
                f"{self.dictionary.label(field.tag)} appears more than once",
            )
        if not token.text:
            self.learnable = False
            if self.validation.empty_values == "reject":
                raise self._empty(field.tag)
            self.at += 1
            return
        seen.add(field.tag)
        if field.group is not None:
            items.append(Item(field, field.tag, at, entries=self._entries(block, field, field.group, token.text)))
            return
        item = self._value(field, token.text, at)
        self.at += 1
        data = block.fields.get(self.dictionary.data_of.get(field.tag, 0))
        if data is not None:
            self.learnable = False
            if self._tag() not in {data.tag, MALFORMED}:
                raise self.required(data.tag)
            if data.slot is not None:
                return  # the bytes of the next field carry their length themselves
        elif field.tag in self._length_of and self.tokens[at - 1].tag != self._length_of[field.tag]:
            raise self.required(self._length_of[field.tag])
        items.append(item)

    def _empty(self, tag: int) -> Refused:
        return Refused(
            SessionRejectReason.TAG_SPECIFIED_WITHOUT_A_VALUE, tag, f"{self.dictionary.label(tag)} has no value"
        )

    def _value(self, field: Field, text: str, at: int) -> Item:
        if field.tag in ENVELOPE or not field.checked:
            return Item(None, field.tag, at)
        try:
            if field.choices is None:
                return Item(field, field.tag, at, field.parse(text))
            if field.slot is not None and field.slot.kind is Kind.ENUMS:
                return Item(field, field.tag, at, tuple([field.choices[value] for value in field.parse(text)]))
            if field.slot is None and field.parse is PARSERS["MULTIPLEVALUESTRING"]:
                return Item(field, field.tag, at, [field.choices[value] for value in field.parse(text)])
            return Item(field, field.tag, at, field.choices[text])
        except FieldError as error:
            raise self._format(field.tag, error) from None
        except KeyError:
            pass
        try:
            field.parse(text)
        except FieldError as error:
            raise self._format(field.tag, error) from None
        if self.validation.enum_values == "reject" or (field.slot is not None and field.slot.required):
            raise Refused(
                SessionRejectReason.VALUE_IS_INCORRECT,
                field.tag,
                f"{text[:20]!r} is no value of {self.dictionary.label(field.tag)}",
            )
        self.learnable = False
        return Item(None, field.tag, at)

    def _format(self, tag: int, error: FieldError) -> Refused:
        return Refused(
            SessionRejectReason.INCORRECT_DATA_FORMAT_FOR_VALUE, tag, f"{self.dictionary.label(tag)}: {error}"
        )

    def _entries(self, block: Block, field: Field, group: Block, text: str) -> list[list[Item]]:
        """The entries of the repeating group counted by the field at hand."""
        try:
            count = parse_count(text)
        except FieldError as error:
            raise self._format(field.tag, error) from None
        self.at += 1
        entries: list[list[Item]] = []
        delimiter = group.layout.delimiter
        if self.validation.group_order == "ignore" and self._tag() in group.fields:
            delimiter = self._tag()
        while len(entries) < count:
            tag = self._tag()
            if tag != delimiter:
                if tag in group.fields:
                    raise self._shuffled(tag)
                if tag == MALFORMED:
                    raise self._fault()
                raise self._miscounted(field.tag)
            entries.append(self._entry(group, delimiter))
        if self._tag() == delimiter and delimiter not in block.fields:
            raise self._miscounted(field.tag)
        return entries

    def _entry(self, group: Block, delimiter: int) -> list[Item]:
        items: list[Item] = []
        seen: set[int] = set()
        last = -1
        while self.at < len(self.tokens):
            tag = self._tag()
            if tag == delimiter and items:
                break
            field = group.fields.get(tag)
            if field is None:
                if not self._goes_on(group):
                    break
                self._stranger(self.tokens[self.at], group, items)
                continue
            place = group.layout.positions[tag]
            if place < last and self.validation.group_order == "reject" and tag not in seen:
                raise self._shuffled(tag)
            last = place
            self._known(group, field, items, seen)
        fault = self._missing(group, seen)
        if fault is not None:
            raise fault
        return items

    def _goes_on(self, group: Block) -> bool:
        """Whether the entry continues after the unknown fields at hand, which are then part of it."""
        at = self.at
        while at < len(self.tokens) and self._is_unknown(self.tokens[at].tag):
            at += 1
        return at > self.at and at < len(self.tokens) and self.tokens[at].tag in group.fields

    def _is_unknown(self, tag: int) -> bool:
        return tag not in self.dictionary.fields and tag != MALFORMED

    def _stranger(self, token: Token, block: Block, items: list[Item]) -> None:
        """A field that does not belong to `block`: raises Refused, or keeps it for `other`."""
        tag = token.tag
        validation = self.validation
        if tag == MALFORMED:
            raise self._fault()
        if not token.text and validation.empty_values == "reject":
            raise self._empty(tag)
        if tag in block.nested:
            if validation.group_order == "reject":
                raise self._shuffled(tag)
        elif tag in self.dictionary.fields:
            if validation.misplaced_tags == "reject":
                raise Refused(
                    SessionRejectReason.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE,
                    tag,
                    f"{self.dictionary.label(tag)} is not defined for this message",
                )
        elif (validation.user_defined_tags if tag >= USER_DEFINED else validation.unknown_tags) == "reject":
            raise Refused(SessionRejectReason.INVALID_TAG_NUMBER, tag, f"tag {tag} is not defined")
        if token.text:
            items.append(Item(None, tag, self.at))
        else:
            self.learnable = False
        if tag in self.dictionary.data_of:
            self.learnable = False
        self.at += 1

    def _tag(self) -> int:
        return self.tokens[self.at].tag if self.at < len(self.tokens) else 0

    def _fault(self) -> Refused:
        fault = self.tokens[self.at].fault
        assert fault is not None
        return fault

    def _shuffled(self, tag: int) -> Refused:
        return Refused(
            SessionRejectReason.REPEATING_GROUP_FIELDS_OUT_OF_ORDER,
            tag,
            f"{self.dictionary.label(tag)} is out of order in its repeating group",
        )

    def _miscounted(self, tag: int) -> Refused:
        return Refused(
            SessionRejectReason.INCORRECT_NUM_IN_GROUP_COUNT,
            tag,
            f"{self.dictionary.label(tag)} is not the number of its entries",
        )

    def assemble(self, struct: Plan, items: list[Item], **fixed: Any) -> Any:
        """The Struct made of `items`; raises Refused when a field it cannot do without is absent."""
        values: dict[str, Any] = fixed
        other: list[tuple[int, bytes]] = []
        for item in items:
            slot = item.field.slot if item.field is not None else None
            if slot is None:
                self._flatten(item, other)
            elif item.entries is None:
                values[slot.attr] = item.value
            else:
                assert slot.group is not None
                values[slot.attr] = tuple([self.assemble(plan(slot.group), entry) for entry in item.entries])
        for slot in struct.slots:
            if slot.required and slot.attr not in values:
                raise self.required(slot.tag)
        if other:
            values["other"] = tuple(other)
        return struct.cls(**values)

    def other(self, items: list[Item]) -> tuple[tuple[int, bytes], ...]:
        """All `items` as (tag, value) pairs in wire order."""
        out: list[tuple[int, bytes]] = []
        for item in items:
            self._flatten(item, out)
        return tuple(out)

    def _flatten(self, item: Item, out: list[tuple[int, bytes]]) -> None:
        if item.tag in ENVELOPE:
            return
        out.append((item.tag, self.tokens[item.at].text.encode("latin-1")))
        for entry in item.entries or ():
            for inner in entry:
                self._flatten(inner, out)
