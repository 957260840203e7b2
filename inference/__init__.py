"""Both ends of the wire: code/ answers requests in AWS's container, client.py sends them."""
