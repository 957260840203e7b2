"""The AWS that runs on a laptop: CloudFormation and SageMaker hosting, with moto behind them."""
