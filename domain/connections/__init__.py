"""Connected clients: who owns, controls and guarantees whom, and which companies are therefore one group."""
