"""Loading what the domain read: jobs, units, staging tables and the error file."""
