enum ScalerPlaceholder {}
