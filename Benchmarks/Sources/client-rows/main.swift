// Streams a query's rows through our client and prints one JSON object: rows, seconds, peak resident bytes.
// Arguments: port, user, password, query.

import Foundation
import Logging
import MySQLWire

let arguments = CommandLine.arguments
guard arguments.count == 5, let port = Int(arguments[1]) else {
    print("client-rows PORT USER PASSWORD QUERY")
    exit(64)
}
let connection = try await MySQLConnection.connect(
    MySQLConfiguration(
        host: "127.0.0.1", port: port, username: arguments[2], password: arguments[3], database: "bench"),
    logger: Logger(label: "bench"))
let clock = ContinuousClock()
let start = clock.now
let (rows, bytes) = try await connection.withRows(arguments[4], timeout: .seconds(300)) { rows in
    var count = 0
    var bytes = 0
    for try await row in rows {
        count += 1
        for value in row.values { bytes += value?.utf8.count ?? 0 }
    }
    return (count, bytes)
}
let elapsed = clock.now - start
await connection.close()
let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }?.split(separator: " ").dropFirst().first ?? "0"
let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
print("{\"rows\":\(rows),\"bytes\":\(bytes),\"seconds\":\(seconds),\"peakKiB\":\(peak)}")
