"""One module per broker, and the router that calls them."""
