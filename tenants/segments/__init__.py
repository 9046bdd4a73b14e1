"""What clients are to the bank: rule sets in force as SQL, their simulation and activation, and their history."""
