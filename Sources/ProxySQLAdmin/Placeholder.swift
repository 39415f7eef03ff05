enum ProxySQLAdminPlaceholder {}
