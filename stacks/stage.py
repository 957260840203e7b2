"""A stage: everything its user may set, read from its file and checked here.

The fields mirror CloudFormation's properties in snake_case. Whatever AWS would refuse, or what
cannot work, is refused when the file is read, all of a file's problems at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from stacks.images import ImageError, published
from stacks.instance_memory import memory_bytes
from stacks.settings import Settings
from stacks.stage_endpoint import RealtimeEndpoint
from stacks.stage_errors import Problem, StageError, explain, refuse
from stacks.stage_model import AnyModel, FrameworkModel, Model


class Stage(Settings):
    """One deployment of the model: where, which image, how many instances of which type."""

    region: str = Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$")
    """The AWS region, such as "eu-central-1"."""
    model: AnyModel
    """What is deployed, and in which image."""
    endpoint: RealtimeEndpoint
    """How it is served."""

    @property
    def image(self) -> str:
        """The image's URI, or what model.image_for returns of one that only the account has."""
        return self.model.image_for(self.region, self.endpoint.variants[0].instance_type)

    @property
    def container_environment(self) -> dict[str, str]:
        """The environment variables of the container, the user's and Slipway's."""
        return self.model.environment | self.model.rendered_environment(self.region)

    @property
    def memory_bytes(self) -> int | None:
        """The least memory that an instance has, or None if a type's is not known."""
        known = [memory_bytes(variant.instance_type) for variant in self.endpoint.variants]
        return None if None in known else min(size for size in known if size is not None)

    @field_validator("model")
    @classmethod
    def _check_framework(cls, model: Model, info: ValidationInfo) -> Model:
        # A validator of the field rather than a rule of the stage, so that it speaks up also
        # when something is wrong with the endpoint.
        if isinstance(model, FrameworkModel) and "region" in info.data:
            try:
                published(model.framework, model.version, info.data["region"])
            except ImageError as error:
                refuse([_image_problem("", model, info.data["region"], error)])
        return model

    def problems(self) -> Iterator[Problem]:
        """Yield an instance type that no image fits, or another one than the first's."""
        images: dict[str, str] = {}
        for index, variant in enumerate(self.endpoint.variants):
            key = f"endpoint.variants.{index}.instance_type"
            try:
                image = self.model.image_for(self.region, variant.instance_type)
            except ImageError as error:
                if error.setting == "instance_type":
                    yield Problem(key, variant.instance_type, str(error), "choose another")
                else:
                    yield _image_problem("model.", self.model, variant.instance_type, error)
                return
            images.setdefault(image, variant.instance_type)
            if len(images) > 1:
                first, _ = images.values()
                why = f"it needs another image than {first}, and the variants have one model"
                yield Problem(
                    key, variant.instance_type, why, "choose instance types of the same kind"
                )
                return

    @classmethod
    def load(cls, name: str, folder: Path = Path("stages")) -> Stage:
        """Read the stage called name from folder/NAME.toml, or from the file that name is.

        A name that ends in ".toml" is a file's path, relative to the project: where folder lies.
        Raises StageError, which names every problem of the file.
        """
        path = _path(name, folder)
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            stages = sorted(file.relative_to(folder) for file in folder.rglob("*.toml"))
            known = ", ".join(file.with_suffix("").as_posix() for file in stages)
            raise StageError(
                f"{path}: there is no such stage; there is {known or 'none'}. "
                "Choose one with `-c stage=NAME`, or write this file"
            ) from None
        except OSError as error:
            raise StageError(
                f"{path}: {error.strerror}; a stage is a file that can be read"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StageError(f"{path}: not TOML: {error}") from None
        return cls.read(document, path)

    @classmethod
    def read(cls, document: dict[str, Any], path: Path) -> Stage:
        """Check what a file says; path is for the errors. Raises StageError."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise StageError("\n".join(explain(path, cls, error))) from None


def _path(name: str, folder: Path) -> Path:
    """Return the file of a stage. Raises StageError for a name of something outside folder."""
    if name.endswith(".toml"):
        return folder.parent / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise StageError(
            f"{name}: this is no stage in {folder}; name a file in another folder by its path, "
            "with its ending .toml"
        )
    return folder / f"{name}.toml"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a stage, by which editors complete and check its file."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **Stage.model_json_schema()}


def _image_problem(table: str, model: Model, where: str, error: ImageError) -> Problem:
    """Tell an image that there is not, by the setting of the model that can be changed."""
    key = error.setting if error.setting in FrameworkModel.model_fields else "version"
    value = getattr(model, key)
    got = "missing" if value is None else f"{value} for {where}"
    return Problem(f"{table}{key}", got, str(error), "choose one of these")


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
