"""The daemon: decisions, risk, journal, brokers, outputs, command line."""
