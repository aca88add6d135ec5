"""The brokers: one port, and a folder for each broker."""
