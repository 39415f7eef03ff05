enum ObservabilityTestsPlaceholder {}
