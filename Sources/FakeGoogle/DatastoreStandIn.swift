package import Hummingbird
package import JSONValues
import Synchronization

/// Cloud Datastore API v1 on loopback: it simulates, and says so in its `Server` header.
package final class DatastoreStandIn: Sendable {
    /// The calls that were made, and the failures to come.
    package let calls = StandInCalls()
    private let model: Mutex<DatastoreModel>

    /// Serves `model`.
    package init(model: DatastoreModel = DatastoreModel()) {
        self.model = Mutex(model)
    }

    /// Every entity's properties, by its key's path joined with `/`.
    package var contents: [String: JSONValue] { model.withLock { $0.contents } }

    /// How many entities a page of a query holds from now on.
    package func setPageSize(_ size: Int) {
        model.withLock { $0.pageSize = size }
    }

    /// The routes.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/") { _, _ in "Ok\n" }
        router.post("/v1/projects/{target}") { [self] request, context in
            let target = context.parameters.get("target") ?? ""
            let method = target.split(separator: ":").last.map { String($0) } ?? ""
            return try await calls.answer(request) { body throws(GoogleError) in
                try model.withLock { model throws(GoogleError) in try model.answer(method, body) }
            }
        }
        return router
    }
}
