"""The HTTP API: today the collector, which takes events in and answers when they are on disk.

In:     live requests of a shop: its tag, its servers, Segment's libraries
Out:    log/inbox.sqlite, and from there log/events and log/quarantine (docs/collector.md)
Source: GA4 recommended events, Segment's HTTP API and e-commerce spec, Global Privacy Control
"""
