"""One page about one or more runs, that needs nothing but a browser."""
