"""The HTTP API's room: the decision server and the collector will live here; it is empty today.

In:     live requests of a shop
Out:    decisions and receipts
Source: OpenAPI 3.1
"""
