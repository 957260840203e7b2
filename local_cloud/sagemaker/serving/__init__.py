"""Requests: InvokeEndpoint, and the containers that one passes through."""
