"""Plug-ins by name: found, built with converted options, and refused in words."""

import sys
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

from bridge.plugins import PluginError, create, find


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Limit:
    limit: Decimal
    colour: Colour = Colour.RED
    names: tuple[str, ...] = ()


class Source:
    def __init__(self, clock: str, *, speed: float = 1.0, count: int = 3) -> None:
        if count < 0:
            raise ValueError("count must not be negative")
        self.clock, self.speed, self.count = clock, speed, count


@pytest.fixture
def module(monkeypatch) -> str:
    made = ModuleType("plugins_for_test")
    made.Limit, made.Source, made.NUMBER = Limit, Source, 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugins_for_test", made)
    return "plugins_for_test"


def test_a_class_is_found_and_built(module):
    assert create(f"{module}:Limit", {"limit": 1000}) == Limit(Decimal(1000))


@pytest.mark.parametrize("value", [Decimal("0.1"), 0.1, "0.1"])
def test_numbers_become_exact_decimals_whatever_they_were(module, value):
    assert create(f"{module}:Limit", {"limit": value}).limit == Decimal("0.1")


def test_words_become_enum_members_and_lists_tuples(module):
    made = create(f"{module}:Limit", {"limit": 1, "colour": "red", "names": ["a", "b"]})
    assert (made.colour, made.names) == (Colour.RED, ("a", "b"))


def test_a_decimal_from_the_file_becomes_the_float_the_signature_asks_for(module):
    assert create(f"{module}:Source", {"speed": Decimal("2.5")}, {"clock": "tick"}).speed == 2.5


def test_the_daemons_own_parts_are_passed_where_they_are_asked_for(module):
    made = create(f"{module}:Source", {}, {"clock": "tick", "unasked": 1})
    assert made.clock == "tick"


@pytest.mark.parametrize(
    ("use", "options", "says"),
    [
        ("plugins_for_test", {}, "expected `package.module:Class`"),
        ("no_such_module:X", {}, "there is no module no_such_module"),
        ("plugins_for_test:Limt", {}, "has no Limt; did you mean Limit?"),
        ("plugins_for_test:NUMBER", {}, "is no class and no function"),
        ("plugins_for_test:Limit", {}, "missing option limit"),
        ("plugins_for_test:Limit", {"limit": 1, "color": "red"}, "unknown option color; did you mean colour?"),
        ("plugins_for_test:Limit", {"limit": "many"}, "option limit: "),
        ("plugins_for_test:Limit", {"limit": 1, "colour": "blue"}, "option colour: "),
        ("plugins_for_test:Source", {"count": -1}, "ValueError: count must not be negative"),
        ("plugins_for_test:Source", {"clock": "mine"}, "option clock is set by the daemon itself"),
    ],
)
def test_what_cannot_be_built_is_told_in_words(module, use, options, says):
    with pytest.raises(PluginError) as caught:
        create(use, options, {"clock": "tick"})
    assert str(caught.value).startswith(use)
    assert says in str(caught.value)


def test_a_module_that_needs_something_absent_says_what(tmp_path: Path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import not_installed_at_all\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError, match="needs not_installed_at_all, which is not installed"):
        find("needs_more:X")
    with pytest.raises(PluginError, match="fails when imported: ZeroDivisionError"):
        find("broken:X")
