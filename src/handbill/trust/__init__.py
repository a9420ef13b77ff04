"""Who a person is, and what may be done with what is known of them.

In:     identifiers as the shop knows them
Out:    pseudonyms, and later consent, erasure, fairness, audit
Source: NIST SP 800-108 (keyed derivation), GDPR art. 4(5) (pseudonymisation)
"""
