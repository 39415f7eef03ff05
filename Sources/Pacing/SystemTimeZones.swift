package import FleetModel
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The time zones of this machine, read from its zone files (RFC 9636, TZif) on first use.
///
/// A machine without zone files still knows UTC and fixed offsets; every other zone is then one that there is not.
package final class SystemTimeZones: UTCOffset {
    private let directories: [String]
    private let zones = Mutex<[String: ZoneRules?]>([:])

    /// Reads from `directories`, in order.
    package init(directories: [String] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"]) {
        self.directories = directories
    }

    /// Seconds east of UTC in the zone named `zone` at `moment`; nil when there is no such zone.
    package func secondsEast(of zone: String, at moment: Timestamp) -> Int? {
        if let fixed = FixedUTCOffset().secondsEast(of: zone, at: moment) { return fixed }
        let rules = zones.withLock { zones -> ZoneRules? in
            if let known = zones[zone] { return known }
            let read = read(zone)
            // Names come from policies that people write: a bound on what wrong ones may cost.
            if zones.count >= 1_000 { zones.removeAll() }
            zones[zone] = .some(read)
            return read
        }
        return rules?.secondsEast(at: moment.secondsSinceEpoch)
    }

    private func read(_ zone: String) -> ZoneRules? {
        let isName = zone.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2F, 0x5F, 0x2B, 0x2D].contains(byte)
        }
        guard isName, !zone.isEmpty, !zone.hasPrefix("/"), zone.utf8.count < 64 else { return nil }
        for directory in directories {
            guard let data = FileManager.default.contents(atPath: "\(directory)/\(zone)"), data.count < 1 << 20 else {
                continue
            }
            if let rules = ZoneRules(tzif: [UInt8](data)) { return rules }
        }
        return nil
    }
}

/// What one zone file says.
struct ZoneRules: Sendable {
    /// When the clocks changed, in seconds since 1970, ascending, and to how many seconds east.
    private var changes: [(at: Int64, east: Int)] = []
    /// Before the first change.
    private var initial = 0
    /// After the last change.
    private var footer: ZoneFooter?

    /// Reads a file of version 2 or later; nil when it is none.
    init?(tzif bytes: [UInt8]) {
        var reader = ByteReader(bytes: bytes)
        guard let first = reader.header(), first.version >= 0x32 else { return nil }
        reader.position += first.bodyLength(timeSize: 4)
        guard let header = reader.header() else { return nil }
        let times = (0..<header.times).compactMap { _ in reader.integer(8) }
        let indices = (0..<header.times).compactMap { _ in reader.integer(1) }
        var offsets: [Int] = []
        for _ in 0..<header.types {
            guard let east = reader.integer(4), reader.integer(2) != nil else { return nil }
            offsets.append(Int(Int32(truncatingIfNeeded: east)))
        }
        guard times.count == header.times, indices.count == header.times, let firstType = offsets.first else {
            return nil
        }
        initial = firstType
        for (time, index) in zip(times, indices) {
            guard offsets.indices.contains(Int(index)) else { return nil }
            changes.append((time, offsets[Int(index)]))
        }
        reader.position += header.characters + header.leaps * 12 + header.standards + header.universals
        footer = ZoneFooter(reader.line())
    }

    func secondsEast(at second: Int64) -> Int {
        guard let last = changes.last, second < last.at else {
            return footer?.secondsEast(at: second) ?? changes.last?.east ?? initial
        }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= second { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? initial : changes[low - 1].east
    }
}

/// Reads big-endian integers.
private struct ByteReader {
    struct Header {
        var version: UInt8
        var universals: Int
        var standards: Int
        var leaps: Int
        var times: Int
        var types: Int
        var characters: Int

        func bodyLength(timeSize: Int) -> Int {
            times * (timeSize + 1) + types * 6 + characters + leaps * (timeSize + 4) + standards + universals
        }
    }

    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func integer(_ size: Int) -> Int64? {
        guard position >= 0, position + size <= bytes.count else { return nil }
        defer { position += size }
        return bytes[position..<position + size].reduce(Int64(0)) { $0 << 8 | Int64($1) }
    }

    mutating func header() -> Header? {
        guard integer(4) == 0x545A_6966, let version = integer(1), integer(8) != nil, integer(7) != nil else {
            return nil
        }
        let counts = (0..<6).compactMap { _ in integer(4) }
        guard counts.count == 6, counts.allSatisfy({ $0 < 100_000 }) else { return nil }
        return Header(
            version: UInt8(version), universals: Int(counts[0]), standards: Int(counts[1]), leaps: Int(counts[2]),
            times: Int(counts[3]), types: Int(counts[4]), characters: Int(counts[5]))
    }

    /// The text between the two line feeds at the end.
    mutating func line() -> String {
        guard position < bytes.count, bytes[position] == 0x0A else { return "" }
        let rest = bytes[(position + 1)...].prefix { $0 != 0x0A }
        return String(decoding: rest, as: UTF8.self)
    }
}
