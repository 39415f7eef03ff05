enum ManagementAPITestsPlaceholder {}
