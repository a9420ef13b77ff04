"""Who answers: models of a person and an ad, calibrated, and measured forward in time."""
