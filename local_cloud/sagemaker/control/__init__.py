"""The control plane: what SageMaker's API is asked, what it refuses, and what it remembers."""
