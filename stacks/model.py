"""The model: its containers, and the role that they run under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.container import Container
from stacks.execution_role import execution_role

_Model = sagemaker.CfnModel


class Model(Construct):
    """A SageMaker Model of one container, or of several that a request passes through in turn.

    containers are by name; in a pipeline, SageMaker's errors and logs use these names.
    component_names are the inference components that serve the model; the role writes their logs.
    permissions are in addition to those for the containers' data. Others wire to attr_model_name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Mapping[str, Container],
        network_isolation: bool,
        endpoint_name: str,
        component_names: Sequence[str] = (),
        permissions: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, id)
        role, policy = execution_role(
            self,
            endpoint_name=endpoint_name,
            component_names=component_names,
            containers=containers.values(),
            permissions=permissions,
        )
        several = len(containers) > 1
        definitions = [
            _definition(container, name if several else None)
            for name, container in containers.items()
        ]
        model = _Model(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            primary_container=None if several else definitions[0],
            containers=definitions if several else None,
            inference_execution_config=_Model.InferenceExecutionConfigProperty(mode="Serial")
            if several
            else None,
            enable_network_isolation=network_isolation or None,
        )
        model.node.add_dependency(policy)
        self.attr_model_name = model.attr_model_name


def _definition(
    container: Container, hostname: str | None
) -> sagemaker.CfnModel.ContainerDefinitionProperty:
    return _Model.ContainerDefinitionProperty(
        container_hostname=hostname,
        image=container.image.uri,
        environment=container.environment or None,
        mode="MultiModel" if container.multi_model else None,
        **_location(container),
    )


def _location(container: Container) -> dict[str, Any]:
    """Return the property for the place of the model data."""
    data = container.data
    if not data.is_prefix or container.multi_model:
        return {"model_data_url": data.url}
    source = _Model.S3DataSourceProperty(
        s3_uri=data.url, s3_data_type="S3Prefix", compression_type="None"
    )
    return {"model_data_source": _Model.ModelDataSourceProperty(s3_data_source=source)}
