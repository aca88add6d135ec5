"""The secret store: keys, tokens and passwords, encrypted in one file beside the configuration (docs/secrets.md).

The configuration names them, as ``secret:NAME``. Nothing here is loaded where no secret is named.
"""
