"""Credit limits: nodes, what they hold, what a client may still draw, and every change of it as a pure function."""
