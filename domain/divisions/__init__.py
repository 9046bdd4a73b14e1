"""The three ways to divide regions: by economic strength, by industry clusters, by the climate of credit. Pure."""
