"""Reading other people's files: what a mapping says, what a cell means, what a row becomes."""
