"""What branchgraph costs, beside an expert's hand-written SQL, its own plain executor and the best peer."""
