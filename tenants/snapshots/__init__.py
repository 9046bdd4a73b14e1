"""What is kept of every month's end."""
