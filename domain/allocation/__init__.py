"""How a period's credit is shared out over branches and segments, and why so."""
