"""The market: its data, its clock driven by them, and what Alpaca serves of them."""
