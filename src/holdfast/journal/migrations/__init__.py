"""The steps that bring an older journal up to date, by Alembic."""
