enum MySQLWireTestsPlaceholder {}
