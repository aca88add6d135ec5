"""Who may: users and their passwords, sessions, tokens of programs, keys, signed requests, and how often each may ask."""
