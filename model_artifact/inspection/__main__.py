"""Write docs/inspection.md: python -m model_artifact.inspection > docs/inspection.md."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from model_artifact.inspection import RULES, Rule

_INTRODUCTION = """\
# What inspection finds

`cdk synth` inspects the archive before it is uploaded. An error stops the synth, a warning is
printed, and `-c inspect=off` skips the inspection. These commands only inspect, and print more:

```sh
python -m model_artifact inspect
python -m model_artifact inspect --stage prod --json
```

To inspect an archive from elsewhere, name it: `python -m model_artifact inspect FILE --stage NAME`.
It is inspected for that stage's image, variables and instances. Inspection first reads an archive and
runs nothing: it follows a pickle's opcodes without executing them. That takes less than 150 MB of
memory more than Python alone, whatever the archive claims.

If reading finds no error, the stage's own archive is also tried, unless you say `--no-trial`. The
trial runs the local cloud's container, as a process without a network and with the memory of the
stage's instance. The process runs as you, can read your files, and has the packages of this
environment. An archive that you name is only tried if you say `--trial`.

`cdk synth` keeps its findings in a file beside the archive. It inspects again when the archive, the
stage, this environment or the inspection itself has changed. With `--json`, a finding has `id`,
`severity`, `member`, `got`, `fix` and `figures`. The exit status is 1 if there is an error, and 2 if
nothing could be inspected.

`catalogue/image_contents.json` says what each image contains, with the sources. For an image that
the file does not list, such as your own, inspection does not judge versions, imports and wheels.
"""

_MEASURED = """\
## scikit-learn's versions, measured

Eleven estimators were trained with one version and loaded with another, and their predictions on
569 rows were compared:

| trained with | loaded with | result |
|---|---|---|
| 1.9.0 | 1.4.2 | all load and predict the same; `predict_proba` and `repr` of LogisticRegression fail |
| 1.9.0, or 1.4.2 with NumPy 2 | 1.2.1 with NumPy 1.24 | 2 work; 9 fail: `No module named 'numpy._core'` |
| 1.4.2 | 1.9.0 | 8 work; GradientBoosting and HistGradientBoosting do not load, SimpleImputer fails to predict |
| 1.2.1 | 1.9.0 | 6 work; trees, forests, GradientBoosting and HistGradientBoosting do not load |

The same for nine estimators, of which eight are trees or consist of trees:

| trained with | loaded with | result |
|---|---|---|
| 1.2.1 | 1.3.2, 1.4.2 | LogisticRegression works; the other eight fail |
| 1.3.2 | 1.4.2 | 5 work; DecisionTreeClassifier, RandomForestClassifier and HistGradientBoosting fail to predict, GradientBoosting does not load |

## What the containers call

| images | functions in `code/inference.py` | source |
|---|---|---|
| scikit-learn, XGBoost | `model_fn(model_dir)`, required; and either `transform_fn(model, body, content_type, accept)` or some of `input_fn(body, content_type)`, `predict_fn(data, model)`, `output_fn(prediction, accept)` | sagemaker-scikit-learn-container and sagemaker-xgboost-container, `serving.py` |
| PyTorch, MXNet, Hugging Face | the same, all optional; each also gets a `context` if it has a parameter for it | sagemaker-inference-toolkit, `transformer.py`; sagemaker-huggingface-inference-toolkit, `handler_service.py` |
| TensorFlow | `handler(data, context)`, or `input_handler(data, context)` and `output_handler(response, context)` | deep-learning-containers, `python_service.py` |
"""

_TITLES = {
    "archive": "The file",
    "member": "The members",
    "layout": "The layout",
    "script": "The script",
    "pickle": "Pickles",
    "sklearn": "Versions",
    "requirements": "Requirements",
    "trial": "The trial",
}


def document() -> str:
    """Return the text of docs/inspection.md."""
    parts = [_INTRODUCTION]
    chapters = list(_TITLES.values())
    for title, rules in groupby(
        sorted(RULES.values(), key=lambda rule: chapters.index(_title(rule))), _title
    ):
        parts.append(f"## {title}\n\n" + "\n".join(_table(rules)) + "\n")
    return "\n".join([*parts, _MEASURED])


def _title(rule: Rule) -> str:
    # sklearn, numpy, python and xgboost share a chapter.
    return _TITLES.get(rule.id.partition("-")[0], _TITLES["sklearn"])


def _table(rules: Iterator[Rule]) -> Iterator[str]:
    yield "| id | severity | what is checked | otherwise, on SageMaker |"
    yield "|---|---|---|---|"
    for rule in rules:
        yield f"| `{rule.id}` | {rule.severity.name.lower()} | {rule.about} | {rule.why} |"


if __name__ == "__main__":
    print(document(), end="")
