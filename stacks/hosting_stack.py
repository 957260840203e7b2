"""Models behind an endpoint: files, images, the endpoint, its updates and its scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from settings.modes import AnyEndpoint
from settings.stage import Stage, logical_id
from settings.variants import ServerlessVariant, Variant
from stacks.alarms import RollbackAlarms
from stacks.async_inference import AsyncInference, async_inference
from stacks.component import Component
from stacks.container import Container, container_image
from stacks.endpoint import Endpoint
from stacks.execution_role import execution_role
from stacks.metrics import Scaled
from stacks.model import Model
from stacks.model_data import LocalArchive, model_data, upload
from stacks.s3_access import access_below
from stacks.scaling import CountScaling
from stacks.update import deployment_config


class HostingStack(Stack):
    """Everything that one stage deploys.

    archives are made from the stage's folders, by the models' names. A model that is in S3 already
    has an archive only if its code is uploaded apart. Folders in the stage are relative to root.
    image_uris are the chosen images; ${AWS::AccountId} in them is known only to the deployment.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        archives: Mapping[str, LocalArchive],
        root: Path = Path(),
        **stack_properties: Any,
    ) -> None:
        super().__init__(scope, id, **stack_properties)
        settings = stage.endpoint
        self.template_options.metadata = {
            # `cdk synth` prints the bootstrap version's parameter without the rule that uses it.
            # cfn-lint would object to the printed template.
            "cfn-lint": {"config": {"ignore_checks": ["W2001"]}},
            "Slipway": {"Update": str(settings.rollout)},
        }
        containers = {name: self._container(name, stage, archives, root) for name in stage.served}
        queue = async_inference(self, settings)
        permissions = [*(queue.permissions if queue else []), *self._dump_permissions(settings)]
        if settings.inference_components:
            endpoint_name = self._with_components(stage, containers, permissions)
        else:
            endpoint_name = self._with_models(stage, containers, permissions, queue)
        for variant in settings.variants:
            self._scale(variant, settings, endpoint_name)
        CfnOutput(self, "EndpointName", value=endpoint_name)
        for name, container in containers.items():
            CfnOutput(self, f"{logical_id(name)}ModelDataUrl", value=container.data.url)
        if queue:
            CfnOutput(self, "InputPath", value=queue.input_path)
        self.image_uris = {name: self._resolved(each) for name, each in containers.items()}

    def _with_models(
        self,
        stage: Stage,
        containers: Mapping[str, Container],
        permissions: Sequence[iam.PolicyStatement],
        queue: AsyncInference | None,
    ) -> str:
        """Declare an endpoint whose variants serve models, and return its name."""
        settings = stage.endpoint
        models = self._models(stage, containers, permissions)
        alarms = RollbackAlarms(
            self,
            "RollbackAlarms",
            dimensions=[
                {"EndpointName": settings.name, "VariantName": variant.name}
                for variant in settings.variants
            ],
            rollback=settings.update.rollback,
        )
        return Endpoint(
            self,
            "Endpoint",
            settings=settings,
            model_names=models,
            deployment_config=deployment_config(settings.rollout, alarms.names),
            async_inference_config=queue.config if queue else None,
        ).attr_endpoint_name

    def _with_components(
        self,
        stage: Stage,
        containers: Mapping[str, Container],
        permissions: Sequence[iam.PolicyStatement],
    ) -> str:
        """Declare an endpoint whose instances run components, and return its name.

        The endpoint itself has a role, since its variants have no model with a role.
        """
        settings = stage.endpoint
        models = self._models(stage, containers, [])
        role = execution_role(
            Construct(self, "Components"),
            endpoint_name=settings.name,
            component_names=[each.name for each in settings.inference_components],
            containers=containers.values(),
            permissions=permissions,
        )
        endpoint = Endpoint(
            self,
            "Endpoint",
            settings=settings,
            model_names={},
            deployment_config=None,
            execution_role=role,
        )
        for component in settings.inference_components:
            Component(
                self,
                f"{component.name}Component",
                settings=component,
                endpoint_name=endpoint.attr_endpoint_name,
                variant_name=component.variant or settings.variants[0].name,
                model_name=models[component.model or ""],
                rollout=settings.rollout,
                rollback=settings.update.rollback,
            )
        return endpoint.attr_endpoint_name

    def _container(
        self, name: str, stage: Stage, archives: Mapping[str, LocalArchive], root: Path
    ) -> Container:
        """Return a model's image, data and environment variables."""
        scope = Construct(self, f"{logical_id(name)}Container")
        model = stage.served[name]
        data = model_data(scope, model, archives.get(name))
        environment = stage.container_environment(name)
        if model.has_code_apart:
            code = upload(scope, archives[name])
            environment |= {"SAGEMAKER_SUBMIT_DIRECTORY": code.url}
            data = replace(data, permissions=[*data.permissions, *code.permissions])
        return Container(
            image=container_image(scope, model, stage.image(name), root),
            data=data,
            environment=environment,
            multi_model=model.multi_model,
        )

    def _models(
        self,
        stage: Stage,
        containers: Mapping[str, Container],
        permissions: Sequence[iam.PolicyStatement],
    ) -> dict[str, str]:
        """Declare the SageMaker Models, and return their names by the stage's names."""
        settings = stage.endpoint
        return {
            name: Model(
                self,
                f"{logical_id(name)}Model",
                containers={each: containers[each] for each in members},
                network_isolation=any(stage.served[each].network_isolation for each in members),
                endpoint_name=settings.name,
                component_names=[
                    each.name
                    for each in settings.inference_components
                    if (each.model or "") == name
                ],
                permissions=permissions,
            ).attr_model_name
            for name, members in settings.chains(containers).items()
        }

    def _dump_permissions(self, settings: AnyEndpoint) -> list[iam.PolicyStatement]:
        variants = settings.instance_variants.values()
        paths = [each.core_dump_s3_uri for each in variants if each.core_dump_s3_uri]
        return [access_below(self, "WriteCoreDumps", ["s3:PutObject"], paths)] if paths else []

    def _scale(
        self, variant: Variant | ServerlessVariant, settings: AnyEndpoint, endpoint_name: str
    ) -> None:
        """Scale a variant's instances or its provisioned concurrency, if the stage says so."""
        if variant.scaling:
            CountScaling(
                self,
                f"{variant.name}Scaling",
                scaled=Scaled(
                    f"endpoint/{endpoint_name}/variant/{variant.name}",
                    variant.scalable_dimension,
                    {"EndpointName": settings.name, "VariantName": variant.name},
                ),
                scaling=variant.scaling,
                from_zero=settings.steps_from_zero(variant.scaling),
            )

    def _resolved(self, container: Container) -> str:
        resolved = self.resolve(container.image.uri)
        return resolved if isinstance(resolved, str) else str(resolved["Fn::Sub"])
