enum FakeProxySQLTestsPlaceholder {}
