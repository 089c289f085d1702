"""Measurements -> studies: one module a question, the statistics beside it in ``validation``."""
