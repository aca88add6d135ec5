"""Alpaca: ``connection`` is the way there, ``trading`` its orders and accounts, ``market_data`` what its feeds say."""
