"""Who may ask: the login page, tokens that die at six in the morning, the door, the limits of requests."""
