"""SageMaker hosting: models, endpoint configs and endpoints, and the instances behind them."""

from local_cloud.sagemaker.api import SageMaker

__all__ = ["SageMaker"]
