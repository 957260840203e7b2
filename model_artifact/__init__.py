"""What is deployed: the model's files, the training that makes them, and their archive."""
