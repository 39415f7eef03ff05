enum PacingPlaceholder {}
