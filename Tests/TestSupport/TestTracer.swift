package import InMemoryTracing
import Tracing

/// The tracer of a test process, of which there can be only one; spans of tests that run beside are among those that it
/// kept, so look for your own.
package enum TestTracer {
    /// Bootstrapped when it is first looked at.
    package static let shared: InMemoryTracer = {
        let tracer = InMemoryTracer()
        InstrumentationSystem.bootstrap(tracer)
        return tracer
    }()
}
