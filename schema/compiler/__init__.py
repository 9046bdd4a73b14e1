"""From a validated selection to one SQL statement whose value is the answer's JSON."""
