"""`python -m bridge` is `fixbridge`."""

from bridge.cli import main

main()
