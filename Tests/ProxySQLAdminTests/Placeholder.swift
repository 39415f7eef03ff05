enum ProxySQLAdminTestsPlaceholder {}
