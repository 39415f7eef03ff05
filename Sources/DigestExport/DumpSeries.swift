package import FleetModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of repeated dumps: `host-digests-20261121T075627Z.csv` for the path `host-digests.csv`.
package struct DumpSeries: Hashable, Sendable {
    private let folder: String
    private let base: String
    private let pathExtension: String

    /// The series of `path`.
    package init(path: String) {
        let (folder, name) = DigestFile.split(path)
        self.folder = folder
        // ".csv.gz" is one extension here; a dot at the beginning belongs to the name.
        let dot = name.indices.dropFirst().first { name[$0] == "." && Self.isKnown(name[$0...]) }
        base = String(name[..<(dot ?? name.endIndex)])
        pathExtension = String(name[(dot ?? name.endIndex)...])
    }

    /// The file of the dump that began at `time`.
    package func path(at time: Timestamp) -> String {
        "\(folder == "/" ? "" : folder)/\(base)-\(CivilTime(seconds: time.secondsSinceEpoch).compact)\(pathExtension)"
    }

    /// Which of `names`, the files in the folder, retention takes away: all but the newest `keep`.
    package func expired(_ names: [String], keep: Int) -> [String] {
        Array(names.filter(isMember).sorted(by: >).dropFirst(max(0, keep)))
    }

    /// Deletes all but the newest `keep` files and returns their names.
    package func prune(keep: Int) throws(DigestError) -> [String] {
        guard let directory = opendir(folder) else {
            throw DigestError(.unwritable, "the folder \(folder) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return expired(names, keep: keep).filter { unlink("\(folder)/\($0)") == 0 }
    }

    private func isMember(_ name: String) -> Bool {
        guard name.hasPrefix("\(base)-"), name.hasSuffix(pathExtension) else { return false }
        let time = name.dropFirst(base.count + 1).dropLast(pathExtension.count)
        return time.utf8.count == 16 && time.hasSuffix("Z")
            && time.utf8.enumerated().allSatisfy { index, byte in
                switch index {
                case 8: byte == UInt8(ascii: "T")
                case 15: true
                default: (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                }
            }
    }

    private static func isKnown(_ text: Substring) -> Bool {
        let known = [".csv", ".ndjson", ".json", ".jsonl", ".txt", ".tsv"]
        return text == ".gz" || known.contains(String(text)) || known.contains { text == "\($0).gz" }
    }
}
