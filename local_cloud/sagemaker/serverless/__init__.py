"""Serverless endpoints: what their config may say, and containers that start on demand."""
