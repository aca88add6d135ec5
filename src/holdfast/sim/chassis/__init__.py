"""What every broker in a box stands on: a market with its clock, faults on purpose, an audit, rows that outlive a restart."""
