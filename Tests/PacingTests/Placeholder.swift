enum PacingTestsPlaceholder {}
