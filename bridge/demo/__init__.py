"""A small strategy that trades over FIX against a running daemon and shows what happens: `fixbridge demo`."""

from bridge.demo.run import trade

__all__ = ["trade"]
