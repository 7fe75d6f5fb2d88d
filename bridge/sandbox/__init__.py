"""Brokers to rehearse against: local servers that speak as the real ones do, and fail as they do, when told to."""
