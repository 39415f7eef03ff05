enum GoogleCloudPlaceholder {}
