"""What an expert would write by hand for exactly these operations, under the same row-level security."""
