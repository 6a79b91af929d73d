"""Sync Health: what the function of that name answers to programs and to people."""
