"""The trading side: accounts, orders, positions, activities, watchlists and the stream of trade updates."""
