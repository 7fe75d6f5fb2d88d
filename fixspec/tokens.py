"""A frame into fields, before any rule of the dictionary but one: data fields are cut by their length."""

import msgspec

from fixspec.dictionary import Dictionary
from fixspec.enums import SessionRejectReason

MALFORMED = -1
"""The tag of a token that is no `tag=value`."""


class Refused(Exception):  # a verdict on its way to the caller, not an error of ours
    """What is wrong with a message."""

    def __init__(self, reason: SessionRejectReason, tag: int | None, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.tag = tag
        self.text = text


class Token(msgspec.Struct):
    """One `tag=value`; a malformed one has no tag and says what is wrong."""

    tag: int
    text: str
    fault: Refused | None = None


def tokens(text: str, dictionary: Dictionary) -> list[Token]:
    """Cut a message into fields, data fields by their length; the list ends with the first malformed one."""
    out: list[Token] = []
    data_of = dictionary.data_of
    at, size, length_of_next = 0, len(text), -1
    while at < size:
        equals = text.find("=", at, at + 20)
        end = text.find("\x01", at)
        if end < 0:
            end = size
        number = text[at:equals] if 0 <= equals < end else ""
        if not number.isdecimal() or number[0] == "0" or len(number) > 9:
            out.append(Token(MALFORMED, "", _malformed(text[at:end], out, dictionary)))
            break
        tag = int(number)
        at = equals + 1
        if length_of_next >= 0:
            data, length, length_of_next = data_of[out[-1].tag], length_of_next, -1
            if tag == data:
                end = at + length
                if end > size or text[end : end + 1] not in {"\x01", ""}:
                    fault = Refused(
                        SessionRejectReason.INCORRECT_DATA_FORMAT_FOR_VALUE,
                        out[-1].tag,
                        f"{dictionary.label(out[-1].tag)} {length} is not the length of {dictionary.label(data)}",
                    )
                    out.append(Token(MALFORMED, "", fault))
                    break
        value = text[at:end]
        if tag in data_of and value.isdecimal() and len(value) <= 9:
            length_of_next = int(value)
        out.append(Token(tag, value))
        at = end + 1
    return out


def _malformed(text: str, before: list[Token], dictionary: Dictionary) -> Refused:
    if "=" not in text and before:
        tag = before[-1].tag
        return Refused(
            SessionRejectReason.NON_DATA_VALUE_INCLUDES_FIELD_DELIMITER,
            tag,
            f"{dictionary.label(tag)} holds the field delimiter",
        )
    number = text.partition("=")[0]
    tag_id = int(number) if number.isdecimal() and len(number) <= 9 else None
    return Refused(SessionRejectReason.INVALID_TAG_NUMBER, tag_id, f"{number[:20]!r} is no tag number")
