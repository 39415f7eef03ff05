// Alerts a second made durable by a running webhook, beside a loop of bare fsync'd SQLite inserts on the same disk.
// Arguments: URL of the webhook, folder for the reference's file, number of alerts.

import AsyncHTTPClient
import Foundation
import GRDB
import NIOCore

let arguments = CommandLine.arguments
guard arguments.count == 4, let count = Int(arguments[3]) else {
    print("alerts URL FOLDER COUNT")
    exit(64)
}
let clock = ContinuousClock()

func rate(_ elapsed: Duration) -> Double {
    Double(count) / (Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
}

var configuration = Configuration()
configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
let reference = try DatabasePool(path: "\(arguments[2])/reference.sqlite", configuration: configuration)
try await reference.write { try $0.execute(sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)") }
let body = Data(repeating: 0x78, count: 600)
var start = clock.now
for _ in 0..<count {
    try await reference.write { try $0.execute(sql: "INSERT INTO t (body) VALUES (?)", arguments: [body]) }
}
let bare = rate(clock.now - start)

let url = arguments[1]
let content = #"{\"sql_master_instance\":\"bench\",\"action\":\"add\"}"#
start = clock.now
try await withThrowingTaskGroup(of: Void.self) { tasks in
    for worker in 0..<32 {
        tasks.addTask {
            for index in stride(from: worker, to: count, by: 32) {
                var request = HTTPClientRequest(url: url)
                request.method = .POST
                let text =
                    "{\"incident\":{\"incident_id\":\"0.\(index)\",\"state\":\"open\",\"started_at\":1,"
                    + "\"documentation\":{\"content\":\"\(content)\"}}}"
                request.body = .bytes(ByteBuffer(string: text))
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
                guard response.status == .ok else { throw CocoaError(.featureUnsupported) }
                _ = try await response.body.collect(upTo: 65_536)
            }
        }
    }
    try await tasks.waitForAll()
}
let durable = rate(clock.now - start)
print("{\"alertsPerSecond\":\(durable),\"bareInsertsPerSecond\":\(bare),\"ratio\":\(durable / bare)}")
