"""FIX 4.4 as tables, types and bytes: dictionary, messages, framing and codec."""
