"""A stage: everything its user may set, read from its file and checked here.

The fields mirror CloudFormation's properties in snake_case. Slipway refuses what AWS would refuse,
and what cannot work, when it reads the file. It reports all problems of a file at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from catalogue.images import ImageError, published
from catalogue.instance_types import instance_type_problem, memory_bytes
from settings.errors import StageError, explain, explain_rules
from settings.hardware import hardware_problems
from settings.model import AnyModel, FrameworkModel, Model
from settings.modes import AnyEndpoint
from settings.schema import TomlSchema
from settings.stage_file import read_file
from settings.table import Cfn, Problem, Settings, refuse
from settings.variants import Name, Place

ModelName = Name  # it becomes part of logical ids, and of a container's host name


class Stage(Settings):
    """One deployment: its models, their images, and their endpoint."""

    region: Annotated[str, Cfn("")] = Field(
        pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$", examples=["eu-central-1"]
    )
    """The AWS region, such as "eu-central-1".

    Choose the region of your callers: a request to another region takes longer and costs money.
    """
    model: Annotated[AnyModel | None, Cfn("AWS::SageMaker::Model")] = None
    """The model, and the image that serves it."""
    models: Annotated[dict[ModelName, AnyModel], Cfn("AWS::SageMaker::Model")] = Field(default={})
    """Several models instead of one [model]. Variants, a pipeline or inference components serve
    them, and name them as here.

    To compare models, to chain them, or to let them share instances.
    """
    endpoint: Annotated[AnyEndpoint, Cfn("AWS::SageMaker::Endpoint")]
    """The endpoint that serves the models."""

    @property
    def served(self) -> Mapping[str, Model]:
        """The models by their names; the name of the one [model] is ""."""
        return {"": self.model} if self.model else self.models

    def places(self, name: str = "") -> list[Place]:
        """Return where a model runs."""
        return [place for place in self.endpoint.places() if (place.model or "") == name]

    def image(self, name: str = "") -> str:
        """Return what identifies a model's image, such as its URI: the result of image_for."""
        instance_type = next(iter(self.places(name)[0].instance_types.values()))
        return self.served[name].image_for(self.region, instance_type)

    def container_environment(self, name: str = "") -> dict[str, str]:
        """Return the environment variables of a model's container, the user's and Slipway's."""
        model = self.served[name]
        return model.environment | model.rendered_environment(self.region)

    def memory_bytes(self, name: str = "") -> int | None:
        """Return the smallest memory of a model's containers, or None if one is not known."""
        sizes = [
            place.memory_in_mb * 1024 * 1024 if place.memory_in_mb else memory_bytes(instance_type)
            for place in self.places(name)
            for instance_type in place.instance_types.values()
        ]
        return None if None in sizes else min(size for size in sizes if size is not None)

    def startup_seconds(self, name: str = "") -> int | None:
        """Return the shortest time that the stage gives a model's container to start, or None."""
        given = [place.startup_seconds for place in self.places(name)]
        return min((seconds for seconds in given if seconds), default=None)

    @model_validator(mode="before")
    @classmethod
    def _check_one_table(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        one, several = document.get("model"), document.get("models")
        if (one is None) == (several in (None, {})):
            got = "missing" if one is None else "given, and models too"
            why = "a stage has either one [model] or [models.NAME] tables"
            refuse([Problem("model", got, why, "write one of the two")])
        return document

    @field_validator("model", "models")
    @classmethod
    def _check_frameworks(
        cls, given: Model | dict[str, Model] | None, info: ValidationInfo
    ) -> Model | dict[str, Model] | None:
        # A validator of the field, not a rule of the stage: it also runs when something is wrong
        # with the endpoint.
        found = []
        for name, model in (given if isinstance(given, dict) else {"": given}).items():
            if isinstance(model, FrameworkModel) and "region" in info.data:
                try:
                    published(model.framework, model.version, info.data["region"])
                except ImageError as error:
                    table = f"{name}." if name else ""
                    found.append(_image_problem(table, model, info.data["region"], error))
        refuse(found)
        return given

    def problems(self) -> Iterator[Problem]:
        """Yield unknown and unused models, and instance types that no image fits."""
        yield from self._name_problems()
        for name, model in self.served.items():
            for problem in self.endpoint.model_problems(model):
                yield problem.below(_table(name))
        for problem in hardware_problems(self.endpoint):
            yield problem.below("endpoint")
        # An unknown type has no image either. Report only that the type is unknown.
        unknown = {problem.key: problem for problem in self._type_problems()}
        yield from unknown.values()
        for name, model in self.served.items():
            for problem in self._image_problems(name, model):
                if problem.key not in unknown:
                    yield problem

    def _type_problems(self) -> Iterator[Problem]:
        for place in self.endpoint.places():
            for key, instance_type in place.instance_types.items():
                if problem := instance_type_problem(instance_type, self.region):
                    yield Problem(f"endpoint.{key}", instance_type, *problem)

    def _name_problems(self) -> Iterator[Problem]:
        known = ", ".join(self.models)
        ids: dict[str, str] = {}
        for name in self.models:
            if (first := ids.setdefault(logical_id(name), name)) != name:
                why = f"its CloudFormation output would be named like that of {first}"
                fix = "give it a name that differs by more than hyphens and capitals"
                yield Problem(f"models.{name}", "given", why, fix)
        served = [place.model for place in self.endpoint.places()]
        for place in self.endpoint.places():
            key = f"endpoint.{place.key}"
            fix = f"write one of {known}" if known else "remove it: this stage has one [model]"
            if place.model is not None and place.model not in self.models:
                yield self.wrong(key, "this model does not exist", fix)
            if place.model is None and self.models:
                yield self.wrong(key, "a stage with [models.NAME] needs it", fix)
        # While a name is missing or wrong, it may stand for a model that seems unused.
        known_all = all(name in self.models for name in served)
        for name in [name for name in self.models if known_all and name not in served]:
            why = "no variant, pipeline or component serves this model"
            yield Problem(f"models.{name}", "given", why, "name it in one of them, or remove it")

    def _image_problems(self, name: str, model: Model) -> Iterator[Problem]:
        """Yield an instance type that no image fits, or that needs another image than the first."""
        images: dict[str, str] = {}
        types = [each for place in self.places(name) for each in place.instance_types.items()]
        for key, instance_type in types:
            key = f"endpoint.{key}"
            try:
                image = model.image_for(self.region, instance_type)
            except ImageError as error:
                if error.setting == "instance_type":
                    yield Problem(key, instance_type, error.why, error.fix)
                else:
                    yield _image_problem(f"{_table(name)}.", model, instance_type, error)
                return
            images.setdefault(image, instance_type)
            if len(images) > 1:
                first, _ = images.values()
                why = f"{instance_type} and {first} need different images, but serve one model"
                fix = "choose types of one kind, such as only Graviton or only GPU types"
                yield Problem(key, instance_type, why, fix)
                return

    @classmethod
    def load(cls, name: str, folder: Path = Path("stages")) -> Stage:
        """Read the stage called name from folder/NAME.toml, or from the file that name is.

        A name that ends in ".toml" is a file's path, relative to the project: where folder lies.
        Raises StageError, which names every problem of the file.
        """
        return cls.read(*read_file(name, folder))

    @classmethod
    def read(cls, document: dict[str, Any], path: Path) -> Stage:
        """Check what a file says; path is for the errors. Raises StageError."""
        tables: list[tuple[object, Settings]] = []
        lines: list[str] = []
        try:
            stage = cls.model_validate(document, context=tables)
        except ValidationError as error:
            lines += explain(path, cls, error)
        lines += explain_rules(path, document, tables)
        if lines:
            raise StageError("\n".join(lines))
        return stage


def _table(name: str) -> str:
    return f"models.{name}" if name else "model"


def logical_id(name: str) -> str:
    """Return the beginning of a logical id, letters and digits only, for a model's name."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a stage, by which editors complete and check its file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **Stage.model_json_schema(schema_generator=TomlSchema),
        "oneOf": [{"required": ["model"]}, {"required": ["models"]}],
    }


def _image_problem(table: str, model: Model, where: str, error: ImageError) -> Problem:
    """Return the problem of a missing image, at the setting of the model that can be changed."""
    key = error.setting if error.setting in FrameworkModel.model_fields else "version"
    value = getattr(model, key)
    got = "missing" if value is None else f"{value} for {where}"
    return Problem(f"{table}{key}", got, error.why, error.fix)


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
