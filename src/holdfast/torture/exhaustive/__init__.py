"""Every combination, one after the other: what an order does, where its process dies, what the broker answers, what its stream tells."""
