"""What the bank decides: pure rules and values, without a database, a clock or a network."""
