// A bare Hummingbird that says hello: what the management API is measured against. Argument: port.

import Foundation
import Hummingbird
import Logging

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
    print("hello PORT")
    exit(64)
}
let router = Router()
router.get("/") { _, _ in "hello" }
router.put("/") { request, _ in
    _ = try await request.body.collect(upTo: 1 << 20)
    return "hello"
}
var logger = Logger(label: "hello")
logger.logLevel = .error
try await Application(
    router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger
).runService()
