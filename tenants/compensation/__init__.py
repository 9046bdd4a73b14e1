"""The risk compensation fund on real rows: read under locks in a fixed order, written as movements, verified."""
