"""A model behind an endpoint: its files, its image, the model, the endpoint, and its scaling."""

from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.container_image import container_image
from stacks.endpoint import Endpoint
from stacks.model import Model
from stacks.model_data import LocalArchive, model_data
from stacks.scaling import VariantScaling
from stacks.stage import Stage


class HostingStack(Stack):
    """Everything that one stage deploys.

    archive is made of the stage's folders; there is none if the model lies in S3 already. The
    folders that the stage names are relative to root. image_uri is the chosen image, in which
    ${AWS::AccountId} stands for what only the deployment knows.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        archive: LocalArchive | None = None,
        root: Path = Path(),
        **stack_properties: Any,
    ) -> None:
        super().__init__(scope, id, **stack_properties)
        image = container_image(self, stage, root)
        data = model_data(self, stage, archive)
        # `cdk synth` prints the bootstrap version's parameter without the rule that uses it, and
        # cfn-lint, asked about what was printed, would object.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W2001"]}}}
        model = Model(
            self,
            "Model",
            data=data,
            image=image,
            environment=stage.container_environment,
            network_isolation=stage.model.network_isolation,
            endpoint_name=stage.endpoint.name,
        )
        endpoint = Endpoint(
            self,
            "Endpoint",
            endpoint_name=stage.endpoint.name,
            model_name=model.attr_model_name,
            variants=stage.endpoint.variants,
        )
        for variant in stage.endpoint.variants:
            if variant.scaling:
                VariantScaling(
                    self,
                    f"{variant.name}Scaling",
                    endpoint_name=endpoint.attr_endpoint_name,
                    variant_name=variant.name,
                    scaling=variant.scaling,
                )
        CfnOutput(self, "EndpointName", value=endpoint.attr_endpoint_name)
        CfnOutput(self, "ModelDataUrl", value=data.url)
        resolved = self.resolve(image.uri)
        self.image_uri: str = resolved if isinstance(resolved, str) else resolved["Fn::Sub"]
