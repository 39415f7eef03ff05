public import NIOCore

/// A column of a result (Protocol::ColumnDefinition41).
public struct MySQLColumn: Hashable, Sendable {
    /// The name, or the alias that the query gave.
    public var name: String
    /// Schema of the table.
    public var schema: String = ""
    /// The table, or its alias.
    public var table: String = ""
    /// MySQL's type number; 253 is VAR_STRING.
    public var type: UInt8 = 253
    /// Collation number.
    public var characterSet: UInt16 = 33
    /// MySQL's column flags.
    public var flags: UInt16 = 0
    /// Longest value in bytes.
    public var length: UInt32 = 0
    /// Digits after the point, or 31.
    public var decimals: UInt8 = 0

    /// Makes a text column.
    public init(name: String) {
        self.name = name
    }

    init(payload: ByteBuffer) throws(MySQLWireError) {
        var payload = payload
        _ = try payload.readLengthEncodedSlice("a column's catalogue")
        schema = try payload.readLengthEncodedString("a column's schema")
        table = try payload.readLengthEncodedString("a column's table")
        _ = try payload.readLengthEncodedSlice("a column's original table")
        name = try payload.readLengthEncodedString("a column's name")
        _ = try payload.readLengthEncodedSlice("a column's original name")
        _ = try payload.readLengthEncoded("a column's fixed part")
        characterSet = try payload.readFixed(UInt16.self, "a column's character set")
        length = try payload.readFixed(UInt32.self, "a column's length")
        type = try payload.readFixed(UInt8.self, "a column's type")
        flags = try payload.readFixed(UInt16.self, "a column's flags")
        decimals = try payload.readFixed(UInt8.self, "a column's decimals")
    }

    func payload() -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeLengthEncoded("def")
        payload.writeLengthEncoded(schema)
        payload.writeLengthEncoded(table)
        payload.writeLengthEncoded(table)
        payload.writeLengthEncoded(name)
        payload.writeLengthEncoded("")
        payload.writeLengthEncoded(UInt64(12))
        payload.writeInteger(characterSet, endianness: .little)
        payload.writeInteger(length, endianness: .little)
        payload.writeInteger(type)
        payload.writeInteger(flags, endianness: .little)
        payload.writeInteger(decimals)
        payload.writeInteger(UInt16(0))
        return payload
    }
}

/// The columns of one result, shared by all its rows.
public final class MySQLColumns: Sendable {
    /// The columns, in order.
    public let list: [MySQLColumn]
    private let indices: [String: Int]

    init(_ list: [MySQLColumn]) {
        self.list = list
        self.indices = Dictionary(list.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The position of the first column named `name`.
    public func index(of name: String) -> Int? {
        indices[name]
    }
}

/// One row of a text result; its bytes were checked when it came, and cells are decoded when they are asked for.
public struct MySQLRow: Sendable {
    /// The result's columns.
    public let columns: MySQLColumns
    private let bytes: ByteBuffer

    init(columns: MySQLColumns, payload: ByteBuffer) throws(MySQLWireError) {
        self.columns = columns
        self.bytes = payload
        let fits = payload.withUnsafeReadableBytes { raw in
            var offset = 0
            for _ in 0..<columns.list.count {
                guard Self.nextCell(raw, &offset) != nil else { return false }
            }
            return offset == raw.count
        }
        guard fits else {
            throw MySQLWireError(
                .malformed, "a row does not have exactly the cells of its \(columns.list.count) columns")
        }
    }

    /// How many cells the row has.
    public var count: Int { columns.list.count }

    /// The bytes that the row took on the wire, without packet headers.
    public var byteCount: Int { bytes.readableBytes }

    /// The cell's bytes; nil for NULL or where there is no such cell.
    public func cell(_ index: Int) -> ByteBuffer? {
        guard let range = range(of: index) else { return nil }
        return bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count)
    }

    /// The cell's text; nil for NULL or where there is no such cell.
    public subscript(index: Int) -> String? {
        guard let range = range(of: index) else { return nil }
        return bytes.withUnsafeReadableBytes { Self.text($0, range) }
    }

    /// The text of the column named `name`; nil for NULL or where there is no such column.
    public func string(_ name: String) -> String? {
        columns.index(of: name).flatMap { self[$0] }
    }

    /// All cells.
    public var values: [String?] {
        bytes.withUnsafeReadableBytes { raw in
            var offset = 0
            var values: [String?] = []
            values.reserveCapacity(columns.list.count)
            for _ in 0..<columns.list.count {
                if case .value(let range)? = Self.nextCell(raw, &offset) {
                    values.append(Self.text(raw, range))
                } else {
                    values.append(nil)
                }
            }
            return values
        }
    }

    /// Hands over the bytes of all cells at once, nil for NULL; they must not be used after `body` returned. For those
    /// who copy rows by the hundred thousand.
    public func withCells<Value>(_ body: (UnsafeBufferPointer<UnsafeRawBufferPointer?>) -> Value) -> Value {
        bytes.withUnsafeReadableBytes { raw in
            withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer?.self, capacity: columns.list.count) { cells in
                var offset = 0
                for index in cells.indices {
                    var cell: UnsafeRawBufferPointer?
                    if case .value(let range)? = Self.nextCell(raw, &offset) {
                        cell = UnsafeRawBufferPointer(rebasing: raw[range])
                    }
                    cells.initializeElement(at: index, to: cell)
                }
                defer { cells.deinitialize() }
                return body(UnsafeBufferPointer(cells))
            }
        }
    }

    private enum Cell {
        case null
        case value(Range<Int>)
    }

    private func range(of index: Int) -> Range<Int>? {
        guard columns.list.indices.contains(index) else { return nil }
        return bytes.withUnsafeReadableBytes { raw in
            var offset = 0
            for _ in 0..<index { _ = Self.nextCell(raw, &offset) }
            guard case .value(let range)? = Self.nextCell(raw, &offset) else { return nil }
            return range
        }
    }

    private static func text(_ raw: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: raw[range]), as: UTF8.self)
    }

    /// The cell that begins at `offset`, which moves behind it; nil when it is cut short or begins wrongly. Rows come
    /// by the hundred thousand, which is why this reads bytes and makes no slices.
    private static func nextCell(_ raw: UnsafeRawBufferPointer, _ offset: inout Int) -> Cell? {
        guard offset < raw.count else { return nil }
        let first = raw[offset]
        offset += 1
        var length = Int(first)
        if first >= 0xFB {
            let width: Int
            switch first {
            case 0xFB: return .null
            case 0xFC: width = 2
            case 0xFD: width = 3
            case 0xFE: width = 8
            default: return nil
            }
            guard raw.count - offset >= width else { return nil }
            var wide: UInt64 = 0
            for position in (0..<width).reversed() { wide = wide << 8 | UInt64(raw[offset + position]) }
            offset += width
            guard wide <= UInt64(raw.count - offset) else { return nil }
            length = Int(wide)
        }
        guard raw.count - offset >= length else { return nil }
        defer { offset += length }
        return .value(offset..<(offset + length))
    }

    static func payload(_ values: [String?]) -> ByteBuffer {
        var payload = ByteBuffer()
        for value in values {
            if let value {
                payload.writeLengthEncoded(value)
            } else {
                payload.writeInteger(UInt8(0xFB))
            }
        }
        return payload
    }
}

/// What an OK packet says (Protocol::OK_Packet).
public struct MySQLCompletion: Hashable, Sendable {
    /// Rows that were changed.
    public var affectedRows: UInt64 = 0
    /// The last AUTO_INCREMENT value.
    public var lastInsertID: UInt64 = 0
    /// How many warnings there were.
    public var warnings: UInt16 = 0

    /// Reads an OK packet, or an EOF packet, which says less.
    init(payload: ByteBuffer) throws(MySQLWireError) {
        var payload = payload
        let header = try payload.readFixed(UInt8.self, "an OK packet")
        if header == 0xFE, payload.readableBytes < 6 {
            warnings = payload.readInteger(endianness: .little) ?? 0
            return
        }
        affectedRows = try payload.readLengthEncoded("the affected rows")
        lastInsertID = try payload.readLengthEncoded("the last insert id")
        _ = try payload.readFixed(UInt16.self, "the status flags")
        warnings = try payload.readFixed(UInt16.self, "the warnings")
    }

    init(affectedRows: UInt64 = 0, lastInsertID: UInt64 = 0) {
        self.affectedRows = affectedRows
        self.lastInsertID = lastInsertID
    }

    func payload(header: UInt8 = 0) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(header)
        payload.writeLengthEncoded(affectedRows)
        payload.writeLengthEncoded(lastInsertID)
        payload.writeInteger(UInt16(2), endianness: .little)
        payload.writeInteger(warnings, endianness: .little)
        return payload
    }

    static func endOfRows() -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(UInt8(0xFE))
        payload.writeInteger(UInt16(0), endianness: .little)
        payload.writeInteger(UInt16(2), endianness: .little)
        return payload
    }
}

extension MySQLServerError {
    /// Reads an ERR packet (Protocol::ERR_Packet); before the handshake it has no SQLSTATE.
    init(payload: ByteBuffer) throws(MySQLWireError) {
        var payload = payload
        _ = try payload.readFixed(UInt8.self, "an error packet")
        code = try payload.readFixed(UInt16.self, "the error's number")
        sqlState = "HY000"
        if payload.getInteger(at: payload.readerIndex, as: UInt8.self) == UInt8(ascii: "#") {
            payload.moveReaderIndex(forwardBy: 1)
            sqlState = String(buffer: try payload.readExactly(5, "the error's SQLSTATE"))
        }
        message = String(buffer: payload)
    }

    func payload() -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(UInt8(0xFF))
        payload.writeInteger(code, endianness: .little)
        payload.writeString("#")
        payload.writeString(String((sqlState + "HY000").prefix(5)))
        payload.writeString(message)
        return payload
    }
}
