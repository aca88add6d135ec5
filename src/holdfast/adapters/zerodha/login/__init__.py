"""The login of the day: Zerodha's page in a browser, and what it leads back with."""
