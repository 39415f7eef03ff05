enum MySQLWirePlaceholder {}
