"""Alerts: what is wrong, told once to those who are to know (docs/alerts.md)."""
