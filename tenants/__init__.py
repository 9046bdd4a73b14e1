"""Asking and telling the database, each time for a caller who may see only so much."""
