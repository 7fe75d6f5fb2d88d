"""The freshest quote and trade per symbol. Every source publishes here; risk, paper trading and cost read here."""

from collections.abc import Callable, Iterable

from bridge.orders.market import Quote, Tick, Trade

Listener = Callable[[Tick], None]


class QuoteBook:
    """Keeps the newest tick of each kind per symbol, in arrival order, and shows each to its listeners.

    Nothing is judged here: a crossed, empty or old quote is kept as it came, because whoever needs a usable price must
    see that there is none. Listeners run inside `publish`, in the order they were added, and must not raise.
    """

    __slots__ = ("_by_symbol", "_every", "_quotes", "_trades", "published")

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._trades: dict[str, Trade] = {}
        self._every: tuple[Listener, ...] = ()
        self._by_symbol: dict[str, tuple[Listener, ...]] = {}
        self.published = 0

    def publish(self, tick: Tick) -> None:
        """Store a tick, then call who listens. The whole cost of a tick nobody acts on is this."""
        symbol = tick.symbol
        if type(tick) is Quote:
            self._quotes[symbol] = tick
        else:
            self._trades[symbol] = tick  # type: ignore[assignment]
        self.published += 1
        for listener in self._every:
            listener(tick)
        if self._by_symbol:
            for listener in self._by_symbol.get(symbol, ()):
                listener(tick)

    def listen(self, callback: Listener, symbols: Iterable[str] | None = None) -> Callable[[], None]:
        """Call `callback(tick)` for every tick, or for those of some symbols. Returns what ends it."""
        if symbols is None:
            self._every = (*self._every, callback)
            return lambda: self._silence_every(callback)
        names = tuple(dict.fromkeys(symbols))
        for symbol in names:
            self._by_symbol[symbol] = (*self._by_symbol.get(symbol, ()), callback)
        return lambda: self._silence(callback, names)

    def quote(self, symbol: str) -> Quote | None:
        """The newest quote, however old; the caller judges its age from `received_ns`."""
        return self._quotes.get(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """The newest printed trade."""
        return self._trades.get(symbol)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that were ever quoted or traded here."""
        return tuple(dict.fromkeys((*self._quotes, *self._trades)))

    def _silence_every(self, callback: Listener) -> None:
        self._every = tuple(listener for listener in self._every if listener != callback)

    def _silence(self, callback: Listener, symbols: tuple[str, ...]) -> None:
        for symbol in symbols:
            left = tuple(listener for listener in self._by_symbol.get(symbol, ()) if listener != callback)
            if left:
                self._by_symbol[symbol] = left
            else:
                self._by_symbol.pop(symbol, None)
