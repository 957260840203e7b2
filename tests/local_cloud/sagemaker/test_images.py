from __future__ import annotations

import json

from tests.local_cloud.sagemaker.cloud import Cloud

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
LISTING = "def model_fn(d):\n    pass\ndef transform_fn(m, body, *_):\n    return [body]\n"


def test_each_image_answers_in_its_own_way(cloud: Cloud) -> None:
    cloud.model("sklearn", LISTING)
    cloud.model("xgboost", LISTING, Image=XGBOOST)
    types, answers = [], []
    for name in ("sklearn", "xgboost"):
        cloud.config(name, {"ModelName": name})
        cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert cloud.settled(name)["EndpointStatus"] == "InService"
        answer = cloud.runtime.invoke_endpoint(
            EndpointName=name, Body=b"1", ContentType="text/csv", Accept="text/csv"
        )
        types.append(answer["ContentType"])
        answers.append(json.loads(answer["Body"].read()))
    assert types == ["application/json", "text/csv"]
    assert answers == [["1"], ["1"]]
