"""What callers see: the GraphQL types, how each is bound to its table, and how a selection is answered."""
