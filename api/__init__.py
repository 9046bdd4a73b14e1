"""HTTP, tokens, settings and processes: everything around the graph."""
