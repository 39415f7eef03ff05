enum FakeGooglePlaceholder {}
