"""Codat as this project needs it: in process, over HTTP, with its traps, and misbehaving to order."""
