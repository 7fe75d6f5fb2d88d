"""The pages say what the code does: every message, own field and reason code stands in the dialect page."""

import re
from pathlib import Path

import pytest

from bridge.orders.reasons import ReasonCode
from fixspec.dictionary import FIX44
from fixspec.messages import CUSTOM_FIELDS, SERVED

DOCS = Path(__file__).resolve().parents[2] / "docs"
DIALECT = (DOCS / "dialect.md").read_text()


@pytest.mark.parametrize("msg_type", sorted(SERVED))
def test_every_message_we_know_is_told(msg_type):
    assert f"{FIX44.messages[msg_type]}({msg_type})" in DIALECT


@pytest.mark.parametrize("tag", sorted(CUSTOM_FIELDS))
def test_every_field_of_ours_is_told_by_number_and_name(tag):
    name = CUSTOM_FIELDS[tag][0]
    numbers = {int(found) for found in re.findall(r"\b57\d\d\b", DIALECT)}
    for first, last in re.findall(r"\b(57\d\d) to (57\d\d)\b", DIALECT.split("### Our own fields")[1]):
        numbers |= set(range(int(first), int(last) + 1))
    assert tag in numbers
    assert re.search(rf"\b{name}\b", DIALECT)


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_code_stands_in_the_row_of_its_fix_reason(code):
    rows = dict(re.findall(r"^\| (\d+) [a-z ]+ \| ([A-Z_, ]+) \|$", DIALECT, re.MULTILINE))
    assert code.value in rows[code.ord_rej_reason.wire.decode()].split(", ")


def test_every_field_and_message_that_is_named_has_its_right_number():
    names = {str(tag): field.name for tag, field in FIX44.fields.items()}
    wrong = [
        f"{name}({number})"
        for name, number in re.findall(r"\b([A-Z][A-Za-z]{3,})\((\d+)\)", DIALECT)
        if name not in (names.get(number), FIX44.messages.get(number))
    ]
    assert wrong == []


@pytest.mark.parametrize("page", sorted(DOCS.parent.glob("*.md")) + sorted(DOCS.rglob("*.md")))
def test_links_inside_the_project_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
