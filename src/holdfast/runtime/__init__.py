"""The shell around the core that trades: composition, loop, gate, recovery, shutdown."""
