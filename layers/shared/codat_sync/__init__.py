"""What this application knows of Codat's Sync for Expenses, and does about it.

Nouns are models and pure rules, verbs are use cases that get their edges as arguments, and edges are all that knows the
outside. Which module is which, and which may import which, is held by ``tests/unit/test_architecture.py``.
"""
