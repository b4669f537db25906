"""From labelled bars to a validated, calibrated, registered model."""
