"""Vendoring: the archive carries the packages that the model's code needs, as wheels."""

from model_artifact.wheels.interpreter import Interpreter
from model_artifact.wheels.vendoring import vendor

__all__ = ["Interpreter", "vendor"]
