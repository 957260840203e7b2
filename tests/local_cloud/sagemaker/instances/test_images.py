from __future__ import annotations

import json

from tests.local_cloud.sagemaker.cloud import Cloud

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
THREADS = (
    "import os\ndef model_fn(d):\n    pass\n"
    "def transform_fn(m, body, *_):\n    return [os.environ.get('OMP_NUM_THREADS')]\n"
)


def test_a_container_plays_the_image_of_its_model(cloud: Cloud) -> None:
    cloud.model("sklearn", THREADS)
    cloud.model("xgboost", THREADS, Image=XGBOOST)
    threads = []
    for name in ("sklearn", "xgboost"):
        cloud.config(name, {"ModelName": name})
        cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert cloud.settled(name)["EndpointStatus"] == "InService"
        answer = cloud.runtime.invoke_endpoint(EndpointName=name, Body=b"1")
        threads.append(json.loads(answer["Body"].read()))
    # XGBoost's image has a process for each processor, and a thread in each.
    assert threads == [[None], ["1"]]
