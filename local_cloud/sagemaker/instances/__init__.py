"""Instances: their containers as processes, with the model data, logs and metrics of each."""
