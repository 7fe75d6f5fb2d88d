"""Orders: what happens to them, what brokers say of them, and the fold that keeps them."""
