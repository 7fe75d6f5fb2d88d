"""Market data: the quote book and one module per source."""
