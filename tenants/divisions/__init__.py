"""Regional divisions: computed from what is known of regions, put in force, simulated, shipped with defaults."""
