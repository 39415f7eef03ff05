import MySQLWire
import NIOCore
import TestSupport
import Testing

@testable import MySQLWire

@Suite("Hostile bytes end in a typed error")
struct HostileInputTests {
    func greeting() -> ByteBuffer {
        ServerStateMachine(
            manner: .init(serverVersion: "5.5.30"), peer: "x", challenge: [UInt8](repeating: 9, count: 20)
        ).greeting(connectionID: 1)
    }

    @Test("split anywhere, packets come out whole", arguments: [1, 2, 3, 5, 64])
    func splitting(step: Int) throws {
        var writer = PacketFraming(maximumPayload: 1 << 20)
        var bytes = ByteBuffer()
        let payloads = (0..<20).map { ByteBuffer(repeating: UInt8($0), count: $0 * 7) }
        for payload in payloads { writer.write(payload, into: &bytes) }
        var reader = PacketFraming(maximumPayload: 1 << 20)
        var seen: [ByteBuffer] = []
        while let part = bytes.readSlice(length: min(step, bytes.readableBytes)), part.readableBytes > 0 {
            reader.append(part)
            while let payload = try reader.next() { seen.append(payload) }
        }
        #expect(seen == payloads)
    }

    @Test("a wrong sequence number and an oversized length are refused before anything is kept")
    func framing() {
        var reader = PacketFraming(maximumPayload: 100)
        reader.append(ByteBuffer(bytes: [1, 0, 0, 5, 0]))
        #expect(throws: MySQLWireError.self) { try reader.next() }
        var second = PacketFraming(maximumPayload: 100)
        second.append(ByteBuffer(bytes: [101, 0, 0, 0]))
        let error = #expect(throws: MySQLWireError.self) { try second.next() }
        #expect(error?.code == .tooLarge)
    }

    @Test("mutated conversations never crash the client", arguments: 0..<40)
    func client(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            var machine = ClientStateMachine(
                login: .init(username: "u", password: "p", database: nil, encryption: .never))
            var script = [
                greeting(), MySQLCompletion().payload(), ByteBuffer(bytes: [2]), MySQLColumn(name: "a").payload(),
                MySQLColumn(name: "b").payload(), MySQLRow.payload(["1", nil]), MySQLRow.payload([nil, "x"]),
                MySQLCompletion().payload(header: 0xFE),
            ]
            for index in script.indices where Int.random(in: 0..<3, using: &random) == 0 {
                script[index] = mutate(script[index], &random)
            }
            if Bool.random(using: &random) { script.shuffle(using: &random) }
            do {
                for payload in script {
                    if machine.isIdle { machine.commandSent(.query) }
                    _ = try machine.received(payload)
                }
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
    }

    @Test("mutated conversations never crash the server", arguments: 0..<40)
    func server(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let challenge = [UInt8](repeating: 9, count: 20)
            var machine = ServerStateMachine(manner: .init(serverVersion: "x"), peer: "y", challenge: challenge)
            let login = GreetingResponse(
                capabilities: [.protocol41, .secureConnection, .pluginAuthentication], username: "u",
                authentication: Scramble.native(password: "p", challenge: challenge), database: nil,
                plugin: AuthenticationPlugin.nativePassword.rawValue)
            var script = [login.payload(), ByteBuffer(bytes: [3]), ByteBuffer(bytes: [0x0E])]
            for index in script.indices where Bool.random(using: &random) {
                script[index] = mutate(script[index], &random)
            }
            do {
                for payload in script {
                    if case .lookUp = try machine.received(payload) { _ = machine.credentials("p") }
                }
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
    }

    func mutate(_ buffer: ByteBuffer, _ random: inout SeededGenerator) -> ByteBuffer {
        var bytes = Array(buffer.readableBytesView)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
        case 1: bytes.append(contentsOf: (0..<9).map { _ in UInt8.random(in: 0...255, using: &random) })
        case 2: bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in .random(in: 0...255, using: &random) }
        default:
            guard let index = bytes.indices.randomElement(using: &random) else { break }
            bytes[index] = UInt8.random(in: 0...255, using: &random)
        }
        return ByteBuffer(bytes: bytes)
    }
}
