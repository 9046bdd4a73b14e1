"""What callers may change. Each action: open the scope, read and lock, decide, record."""
