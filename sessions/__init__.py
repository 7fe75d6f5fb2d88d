"""The FIX 4.4 session layer: numbering, recovery, liveness, both roles. Knows nothing of orders."""
