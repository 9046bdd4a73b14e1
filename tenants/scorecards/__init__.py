"""Branches scored from what the bank has of them: figures by SQL, points by the model in force."""
