"""Endpoints: the fleets behind them, and how an update replaces fleets."""
