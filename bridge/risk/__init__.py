"""Risk: what an order must pass before it leaves, and what is reserved, counted and halted because of it."""
