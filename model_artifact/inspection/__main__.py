"""Write docs/inspection.md: python -m model_artifact.inspection > docs/inspection.md."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from model_artifact.inspection import RULES, Rule

_INTRODUCTION = """\
# What inspection finds

`cdk synth` inspects the archive before it is uploaded: an error stops it, a warning is printed, and
`-c inspect=off` skips it. This inspects it alone, and tells more:

```sh
python -m model_artifact inspect
python -m model_artifact inspect --stage prod --json
```

An archive from elsewhere is named: `python -m model_artifact inspect FILE --stage NAME`. It is
inspected for that stage's image, variables and instances. An archive is read first, and nothing in
it is run: a pickle's opcodes are followed, not executed. Whatever the archive claims, that takes
less than 150 MB of memory more than Python alone.

If that finds no error, the stage's own archive is also run, unless told `--no-trial`: in the
container that the local cloud has, as a process without a network and with the memory of the
stage's instance, but as you, with your files readable, and with this environment's packages. An
archive that is named is run only if told `--trial`.

What was found is kept beside the archive, and found again when the archive, the stage, this
environment or the inspection changes. With `--json` a finding has `id`, `severity`, `member`, `got`,
`fix` and `figures`; the exit status is 1 if there is an error, 2 if nothing could be inspected.

What an image has is in `catalogue/image_contents.json`, with its sources. An image that is
not there, such as one of your own, is not judged by what it has.
"""

_MEASURED = """\
## What was measured of scikit-learn's versions

Eleven estimators, trained with one version, loaded with another, predictions on 569 rows compared:

| trained with | loaded with | result |
|---|---|---|
| 1.9.0 | 1.4.2 | all load and predict the same; `predict_proba` and `repr` of LogisticRegression fail |
| 1.9.0, or 1.4.2 with NumPy 2 | 1.2.1 with NumPy 1.24 | 2 work; 9 fail: `No module named 'numpy._core'` |
| 1.4.2 | 1.9.0 | 8 work; GradientBoosting and HistGradientBoosting do not load, SimpleImputer fails to predict |
| 1.2.1 | 1.9.0 | 6 work; trees, forests, GradientBoosting and HistGradientBoosting do not load |

Of nine, eight of them trees and what is made of trees:

| trained with | loaded with | result |
|---|---|---|
| 1.2.1 | 1.3.2, 1.4.2 | LogisticRegression works; none of the others does |
| 1.3.2 | 1.4.2 | 5 work; DecisionTreeClassifier, RandomForestClassifier and HistGradientBoosting fail to predict, GradientBoosting does not load |

## What the containers call

| images | called in `code/inference.py` | source |
|---|---|---|
| scikit-learn, XGBoost | `model_fn(model_dir)`, which must be there; `transform_fn(model, body, content_type, accept)`, or some of `input_fn(body, content_type)`, `predict_fn(data, model)`, `output_fn(prediction, accept)` | sagemaker-scikit-learn-container and sagemaker-xgboost-container, `serving.py` |
| PyTorch, MXNet, Hugging Face | the same, none of which must be there, and each with a further `context` if it has a parameter for it | sagemaker-inference-toolkit, `transformer.py`; sagemaker-huggingface-inference-toolkit, `handler_service.py` |
| TensorFlow | `handler(data, context)`, or `input_handler(data, context)` and `output_handler(response, context)` | deep-learning-containers, `python_service.py` |
"""

_TITLES = {
    "archive": "The file",
    "member": "Its members",
    "layout": "Where things lie",
    "script": "The script",
    "pickle": "Pickles",
    "sklearn": "Versions",
    "requirements": "Requirements",
    "trial": "It runs",
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
    # sklearn, numpy, python and xgboost are one chapter.
    return _TITLES.get(rule.id.partition("-")[0], _TITLES["sklearn"])


def _table(rules: Iterator[Rule]) -> Iterator[str]:
    yield "| id | severity | what is looked at | else, on SageMaker |"
    yield "|---|---|---|---|"
    for rule in rules:
        yield f"| `{rule.id}` | {rule.severity.name.lower()} | {rule.about} | {rule.why} |"


if __name__ == "__main__":
    print(document(), end="")
