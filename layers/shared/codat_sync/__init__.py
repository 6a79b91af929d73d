"""What this application knows of Codat's Sync for Expenses, and does about it.

Nouns (models and pure rules): ``identifier instant message signature status sync transaction webhook``.
Verbs (use cases, their edges as arguments): ``ingest receive``.
Edges (all that knows the outside): ``codat inbox observability queues secret settings store``.
"""
