"""Market data in: files, a synthetic market, and how they are paced and watched."""
