"""Connected clients: their groups derived from all branches' links, written down where each branch sees its own."""
