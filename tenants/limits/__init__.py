"""Limits on real rows: where a draw is booked, what is written of it, what is recomputed from the ledger."""
