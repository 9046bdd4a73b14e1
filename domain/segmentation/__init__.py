"""Who a client is to the bank: the facts that rules may speak of, rule sets, and what they say of a client."""
