"""Someone else's app with a queue, which the local cloud does not run."""

import aws_cdk as cdk
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

app = cdk.App()
stack = cdk.Stack(app, "Queueing")
sns.Topic(stack, "Topic")
sqs.Queue(stack, "Requests")
app.synth()
