"""The desk: web pages on which people read, approve, reject and rewrite ads, and look around.

In: the state's ads, the report, the tables; a key of one's own (`trust/access.py`).
Out: decisions and edits, signed by whoever is signed in; nothing else is written.
Source: OWASP's cheat sheets on sessions, CSRF and Content Security Policy.
"""
