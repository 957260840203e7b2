"""SageMaker hosting: models, endpoint configs and endpoints, and the instances behind them."""

from local_cloud.sagemaker.control.api import SageMaker

__all__ = ["SageMaker"]
