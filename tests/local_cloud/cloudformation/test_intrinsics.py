from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.cloudformation.intrinsics import Scope, Unresolved, resolve
from local_cloud.cloudformation.template import Template, TemplateError

PARAMETERS = {"AWS::Region": "eu-central-1", "Text": "hello", "List": ["a", "b"]}
SECTIONS = {
    "Mappings": {"ByRegion": {"eu-central-1": {"Image": "i-1"}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Text"}, "hello"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Either": {"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "No"}, {"Condition": "Yes"}]},
        "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
    },
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
}


def scope() -> Scope:
    def lookup(name: str, attribute: str | None) -> Any:
        if name == "New":
            return Unresolved(f"{name}.{attribute}")
        return f"<{name}.{attribute}>"

    return Scope(Template("", SECTIONS), PARAMETERS, lookup, {"shared": "from afar"})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Text"}, "hello"),
        ({"Ref": "Topic"}, "<Topic.None>"),
        ({"Fn::GetAtt": ["Topic", "TopicArn"]}, "<Topic.TopicArn>"),
        ({"Fn::GetAtt": "Topic.Nested.Name"}, "<Topic.Nested.Name>"),
        ({"Fn::Sub": "${Text}-${Topic.Arn}-${!Text}"}, "hello-<Topic.Arn>-${Text}"),
        ({"Fn::Sub": ["${Own} ${Text}", {"Own": {"Ref": "Text"}}]}, "hello hello"),
        ({"Fn::Sub": ["${Own}", {"Own": "${!Kept}"}]}, "${!Kept}"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
        ({"Fn::Split": ["l", {"Ref": "Text"}]}, ["he", "", "o"]),
        ({"Fn::FindInMap": ["ByRegion", {"Ref": "AWS::Region"}, "Image"]}, "i-1"),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", "then", "else"]}, "else"),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ImportValue": "shared"}, "from afar"),
        ({"Fn::GetAZs": ""}, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
        ({"Fn::Contains": [["1", "2"], "2"]}, True),
        ({"Fn::Equals": ["true", True]}, True),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"a": {"Fn::If": ["No", "x", {"Ref": "AWS::NoValue"}]}}, {}),
    ],
)
def test_an_expression_has_the_value_that_cloudformation_gives_it(
    expression: Any, value: Any
) -> None:
    assert resolve(expression, scope()) == value


@pytest.mark.parametrize(
    "expression",
    [
        {"Fn::Join": ["-", ["a", {"Ref": "New"}]]},
        {"Fn::Sub": "${New.Arn}"},
        {"Fn::Select": [0, {"Fn::Split": [":", {"Fn::GetAtt": ["New", "Arn"]}]}]},
    ],
)
def test_what_depends_on_a_resource_that_does_not_exist_yet_is_unresolved(expression: Any) -> None:
    assert isinstance(resolve(expression, scope()), Unresolved)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Deep": [{"Fn::Select": [5, ["a"]]}]}, "Deep[0]: Fn::Select: item 5 does not exist"),
        ({"Fn::FindInMap": ["ByRegion", "mars", "Image"]}, "the mapping has no 'mars'"),
        ({"Fn::ImportValue": "unknown"}, "No export named unknown found."),
        ({"Fn::If": ["Loop", 1, 2]}, "the condition depends on itself"),
        ({"Fn::Join": ["-", "not a list"]}, "not a list"),
    ],
)
def test_an_expression_without_a_value_is_an_error_that_names_its_place(
    expression: Any, message: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        resolve(expression, scope())
    assert message in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "Ref", "Fn::Sub", "Fn::If"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_template_is_either_read_or_refused_with_its_problems(body: Any) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": body}}
    with suppress(TemplateError):
        template = Template.parse(json.dumps({"Resources": {"Topic": topic}}))
        resolve(template.resources["Topic"].properties, scope())


@given(st.text(max_size=30), st.text(max_size=10))
def test_text_without_variables_comes_out_of_sub_as_it_went_in(text: str, value: str) -> None:
    plain = text.replace("$", "")
    assert resolve({"Fn::Sub": [plain + "${V}", {"V": value}]}, scope()) == plain + value
