"""How a model is deployed: a typed stage, and the CDK constructs that it turns into."""
