"""The risk compensation fund: what it covers, who bears it, when it stops."""
