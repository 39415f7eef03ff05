enum FakeProxySQLPlaceholder {}
