"""What is done by the clock, beside requests."""
