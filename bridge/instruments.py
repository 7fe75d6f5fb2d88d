"""The symbol master: what may be traded, with its tick, lot, multiplier, currency, sector and calendar.

A starter universe is shipped as two tables beside this file; a user's own CSV or YAML files add rows and replace
shipped ones of the same symbol. Futures are described once per root: any listed month of a known root is found by its
usual name (`ESU4`, `ESU24`, `ESU2024`), whether or not it was listed before.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from bridge.orders.market import AssetClass, Instrument

T = TypeVar("T")
HERE = Path(__file__).parent
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
SYMBOL = re.compile(r"[!-~]{1,32}")
CONTRACT = re.compile(r"([A-Z0-9]{1,4}?)([FGHJKMNQUVXZ])([0-9]{1,2}|20[0-9]{2})")
MONTH_CODES = "FGHJKMNQUVXZ"
ROLL = timedelta(
    days=8
)  # equity index futures roll eight days before they expire; from then on the next month is the front

SECURITY_TYPES = {
    AssetClass.EQUITY: "CS",
    AssetClass.ETF: "CS",
    AssetClass.FUTURE: "FUT",
    AssetClass.OPTION: "OPT",
    AssetClass.FX: "FOR",
    AssetClass.CRYPTO: "FOR",
}


class InstrumentFileError(ValueError):
    """A symbol file is wrong. The text names file, line (or item), key, what was found and what is allowed."""


class FuturesRoot(msgspec.Struct, frozen=True, kw_only=True):
    """All months of one future. `months` are the listed month codes, `expiry` the rule of the last trading day."""

    root: str
    currency: str
    tick_size: Decimal
    multiplier: Decimal
    lot_size: Decimal = Decimal(1)
    sector: str = "UNCLASSIFIED"
    exchange: str | None = None
    calendar: str = "24/7"
    description: str | None = None
    months: str = "HMUZ"
    expiry: str = "third_friday"  # or month_end where only the month is known
    listed: bool = True  # the front month is part of the universe, not only found when asked for
    reference_px: Decimal | None = None

    def maturity(self, year: int, month: int) -> date:
        """Last trading day of a contract month."""
        if self.expiry == "third_friday":
            first = date(year, month, 1)
            return first + timedelta(days=(4 - first.weekday()) % 7 + 14)
        return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)

    def contract(self, year: int, month: int, symbol: str | None = None) -> Instrument:
        """The instrument of one month, named `ESU4` unless told otherwise."""
        return Instrument(
            symbol=symbol or f"{self.root}{MONTH_CODES[month - 1]}{year % 10}",
            asset_class=AssetClass.FUTURE,
            security_type="FUT",
            currency=self.currency,
            tick_size=self.tick_size,
            lot_size=self.lot_size,
            multiplier=self.multiplier,
            sector=self.sector,
            exchange=self.exchange,
            calendar=self.calendar,
            description=f"{self.description or self.root} {year}-{month:02}",
            maturity=self.maturity(year, month),
            underlying=self.root,
        )

    def front(self, today: date) -> Instrument:
        """The contract that trades most: the first month that expires more than the roll after `today`."""
        for offset in range(24):
            year, month = divmod(today.year * 12 + today.month - 1 + offset, 12)
            if MONTH_CODES[month] in self.months and self.maturity(year, month + 1) > today + ROLL:
                return self.contract(year, month + 1)
        raise InstrumentFileError(f"futures root {self.root}: no month of {self.months!r} in the next two years")


class Instruments:
    """Symbol → Instrument, one dictionary access; contracts of futures roots are made when first asked for.

    `today` decides the front months and which decade the one digit of `ESU4` means: the year nearest to today, of two
    the later.
    """

    __slots__ = ("_reference", "_roots", "_rows", "_unlisted", "today")

    def __init__(
        self,
        rows: Iterable[tuple[Instrument, Decimal | None]] = (),
        roots: Iterable[FuturesRoot] = (),
        *,
        today: date,
    ) -> None:
        """`rows` are instruments with the price the synthetic market starts from, or None."""
        self.today = today
        self._rows: dict[str, Instrument] = {}
        self._reference: dict[str, Decimal] = {}
        self._unlisted: dict[str, Instrument] = {}
        self._roots = {root.root: root for root in roots}
        for root in self._roots.values():
            if root.listed:
                contract = root.front(today)
                self._rows[contract.symbol] = contract
        for instrument, price in rows:
            self._rows[instrument.symbol] = instrument
            if price is not None:
                self._reference[instrument.symbol] = price

    @classmethod
    def starter(cls, today: date) -> "Instruments":
        """The shipped universe: US stocks and ETFs, index futures, two currency pairs, two crypto pairs."""
        return cls.load((), today=today)

    @classmethod
    def load(cls, files: Iterable[Path | str], *, today: date, starter: bool = True) -> "Instruments":
        """The shipped universe (unless `starter` is off) and the user's files over it, later ones winning.

        Raises InstrumentFileError for anything wrong in a file, OSError when it cannot be read.
        """
        shipped = [HERE / "futures.csv", HERE / "instruments.csv"] if starter else []
        rows: dict[str, tuple[Instrument, Decimal | None]] = {}
        roots: dict[str, FuturesRoot] = {}
        for path in [*shipped, *(Path(file) for file in files)]:
            for where, item in _items(path):
                if "root" in item:
                    root = _root(where, item)
                    roots[root.root] = root
                else:
                    row = _instrument(where, item)
                    rows[row[0].symbol] = row
        return cls(rows.values(), roots.values(), today=today)

    def get(self, symbol: str) -> Instrument | None:
        """The instrument, or None when nobody knows the symbol."""
        found = self._rows.get(symbol)
        return found if found is not None else self._unlisted.get(symbol) or self._contract(symbol)

    def __getitem__(self, symbol: str) -> Instrument:
        """As `get`; KeyError when unknown."""
        found = self.get(symbol)
        if found is None:
            raise KeyError(symbol)
        return found

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str) and self.get(symbol) is not None

    def __iter__(self) -> Iterator[Instrument]:
        """The listed instruments, futures' front months first."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the listed instruments."""
        return tuple(self._rows)

    @property
    def roots(self) -> Mapping[str, FuturesRoot]:
        """The known futures roots."""
        return self._roots

    def future(self, root: str, maturity_month_year: str) -> Instrument | None:
        """The contract of Symbol(55)=root with MaturityMonthYear(200) as YYYYMM; None when there is none."""
        known = self._roots.get(root)
        if known is None or not re.fullmatch(r"20[0-9]{2}(0[1-9]|1[0-2])", maturity_month_year):
            return None
        year, month = int(maturity_month_year[:4]), int(maturity_month_year[4:])
        return known.contract(year, month) if MONTH_CODES[month - 1] in known.months else None

    def reference_px(self, symbol: str) -> Decimal | None:
        """Where the synthetic market starts. A plausible price, not a market price: nothing else may use it."""
        price = self._reference.get(symbol)
        if price is None and (instrument := self.get(symbol)) is not None and instrument.underlying in self._roots:
            return self._roots[instrument.underlying].reference_px
        return price

    def _contract(self, symbol: str) -> Instrument | None:
        match = CONTRACT.fullmatch(symbol)
        if match is None:
            return None
        root = self._roots.get(match[1])
        if root is None or match[2] not in root.months:
            return None
        digits = match[3]
        century = self.today.year - self.today.year % 100
        if len(digits) == 4:
            year = int(digits)
        elif len(digits) == 2:
            year = century + int(digits)
        else:
            year = min((self.today.year // 10 * 10 + ten + int(digits) for ten in (-10, 0, 10)), key=self._distance)
        made = root.contract(year, MONTH_CODES.index(match[2]) + 1, symbol)
        self._unlisted[symbol] = made
        return made

    def _distance(self, year: int) -> tuple[int, int]:
        return abs(year - self.today.year), -year


def _items(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a file, each with the place to cite in an error."""
    if path.suffix.lower() in {".yaml", ".yml"}:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise InstrumentFileError(f"{path}: not YAML: {error}") from error
        if not isinstance(document, dict) or not set(document) <= {"instruments", "futures"}:
            raise InstrumentFileError(
                f"{path}: expected the lists `instruments` and `futures` at the top, nothing else"
            )
        for name, key in (("futures", "root"), ("instruments", "symbol")):
            for number, item in enumerate(document.get(name) or (), 1):
                where = f"{path}: {name}[{number}]"
                if not isinstance(item, dict) or key not in item:
                    raise InstrumentFileError(f"{where}: expected a mapping with the key `{key}`, found {item!r}")
                yield where, {str(k): v for k, v in item.items() if v is not None}
        return
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        if not {"symbol", "root"} & set(reader.fieldnames or ()):
            raise InstrumentFileError(f"{path}:1: the first line must name the columns, `symbol` or `root` among them")
        for item in reader:
            if None in item or None in item.values():
                raise InstrumentFileError(f"{path}:{reader.line_num}: expected {len(reader.fieldnames or ())} columns")
            yield f"{path}:{reader.line_num}", {k: v.strip() for k, v in item.items() if v.strip()}


def _instrument(where: str, item: dict[str, Any]) -> tuple[Instrument, Decimal | None]:
    item = dict(item)
    price = item.pop("reference_px", None)
    if "security_type" not in item and item.get("asset_class") in {member.value for member in AssetClass}:
        item["security_type"] = SECURITY_TYPES[AssetClass(item["asset_class"])]
    _check(where, item, Instrument)
    made = _convert(where, item, Instrument)
    return made, None if price is None else _number(where, "reference_px", price)


def _root(where: str, item: dict[str, Any]) -> FuturesRoot:
    _check(where, item, FuturesRoot)
    made = _convert(where, item, FuturesRoot)
    if not re.fullmatch(r"[A-Z0-9]{1,4}", made.root):
        raise InstrumentFileError(f"{where}: root: found {made.root!r}, allowed are 1 to 4 capitals or digits")
    if not made.months or not set(made.months) <= set(MONTH_CODES):
        raise InstrumentFileError(f"{where}: months: found {made.months!r}, allowed are letters of {MONTH_CODES}")
    if made.expiry not in {"third_friday", "month_end"}:
        raise InstrumentFileError(f"{where}: expiry: found {made.expiry!r}, allowed are third_friday, month_end")
    return made


def _check(where: str, item: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Keys and numbers, strictly: a tick of 0 or 1e-2 in the master would be wrong in every order after it."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key in item:
        if key not in fields:
            raise InstrumentFileError(f"{where}: {key}: unknown key, allowed are {', '.join(fields)}")
    for name, field in fields.items():
        if field.required and name not in item:
            raise InstrumentFileError(f"{where}: {name}: missing")
        if name in item and field.type in (Decimal, Decimal | None):
            item[name] = _number(where, name, item[name])
    symbol = item.get("symbol", item.get("root"))
    if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol):
        raise InstrumentFileError(f"{where}: symbol: found {symbol!r}, allowed are 1 to 32 printable characters")


def _number(where: str, key: str, value: object) -> Decimal:
    text = str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    if not NUMBER.fullmatch(text) or Decimal(text) <= 0:
        raise InstrumentFileError(f"{where}: {key}: found {value!r}, allowed are positive decimals as 0.01")
    return Decimal(text)


def _convert(where: str, item: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(item, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InstrumentFileError(f"{where}: {error}") from error
