"""Endpoints: the fleets behind them, and how an update moves them from one to the next."""
