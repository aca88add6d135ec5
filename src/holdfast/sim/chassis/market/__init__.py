"""The market: its data, and its clock driven by them."""
