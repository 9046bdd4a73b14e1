"""How branches are scored: weighted classes of indicators, scaled between a floor and a target."""
