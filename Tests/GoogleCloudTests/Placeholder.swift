enum GoogleCloudTestsPlaceholder {}
