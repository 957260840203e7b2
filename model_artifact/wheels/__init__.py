"""The packages that a model's code needs, brought along in its archive as wheels."""

from model_artifact.wheels.interpreter import Interpreter
from model_artifact.wheels.vendoring import vendor

__all__ = ["Interpreter", "vendor"]
