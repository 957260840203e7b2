"""The packages that a model's code needs, brought along in its archive as wheels."""
