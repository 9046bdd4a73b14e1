"""Allocation runs on the bank's own rows: gathered, solved, adopted, corrected in mid-period."""
