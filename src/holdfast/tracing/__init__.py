"""Traces from market event to fill: spans made of the journal's records after the fact, and sent by OTLP/HTTP (docs/tracing.md)."""
