"""The control plane: SageMaker's API, what it refuses, and what it remembers."""
