"""The brokers: one port, a folder for each broker, and what each is known to be capable of."""
