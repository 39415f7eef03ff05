enum ScalerTestsPlaceholder {}
