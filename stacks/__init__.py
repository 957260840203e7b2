"""How a stage is deployed: the CDK constructs that it turns into."""
