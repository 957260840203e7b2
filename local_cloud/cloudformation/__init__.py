"""A small CloudFormation: stacks, change sets, deployment and rollback, over the services' APIs."""

from local_cloud.cloudformation.api import CloudFormation

__all__ = ["CloudFormation"]
