"""`make demo`: a simulated Codat has a busy minute, and every word of it is looked for in SyncTable afterwards."""
