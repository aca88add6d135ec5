"""The paper broker: the venue behind the broker port, with an account of its own."""
