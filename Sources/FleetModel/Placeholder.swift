enum FleetModelPlaceholder {}
