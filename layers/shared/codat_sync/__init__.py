"""Sync for Expenses, as this application knows it."""
