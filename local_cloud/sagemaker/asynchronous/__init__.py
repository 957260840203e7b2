"""Asynchronous endpoints: what is asked for, the queue, and where the results go."""
