extension MetricPolicy: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        let name = reader.required("name", "a text", "")
        let source: MetricSource = reader.required("source", "an object with a kind", .external)
        let role = reader.choice("role", Role.load)
        let basis = reader.choice("basis", Basis.perReader)
        // Only a load has thresholds; what stands in their place for the other roles asks for nothing.
        var scaleOut = Threshold(.infinity)
        var scaleIn = Threshold(0)
        if role == .load {
            scaleOut = reader.required("scaleOut", "an object with a threshold", scaleOut)
            scaleIn = reader.required("scaleIn", "an object with a threshold", scaleIn)
        }
        let target = reader.number("target")
        let staleAfter = reader.seconds("staleAfterSeconds")
        try reader.finish()
        self.init(name: name, source: source, scaleOut: scaleOut, scaleIn: scaleIn)
        self.role = role
        self.basis = basis
        self.target = target
        self.staleAfter = staleAfter ?? self.staleAfter
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("name", name)
        try writer.write("source", source)
        if role != .load { try writer.write("role", role) }
        if basis != .perReader { try writer.write("basis", basis) }
        if role == .load {
            try writer.write("scaleOut", scaleOut)
            try writer.write("scaleIn", scaleIn)
        }
        try writer.write("target", target)
        try writer.seconds("staleAfterSeconds", staleAfter, unless: .seconds(240))
    }
}

extension MetricPolicy.Threshold: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        self.init(reader.required("threshold", "a number", 0), margin: reader.number("margin") ?? 0)
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("threshold", threshold)
        if margin != 0 { try writer.write("margin", margin) }
    }
}

extension MetricSource: Codable {
    private enum Kind: String, CaseIterable { case cloudMonitoring, proxySQLConnections, proxySQLQueries, external }

    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        if !reader.contains("kind") { reader.note("kind", "is missing") }
        switch reader.choice("kind", Kind.external) {
        case .cloudMonitoring:
            var series = CloudMonitoringSeries(metricType: reader.required("metricType", "a metric type", ""))
            series.filter = reader.text("filter") ?? ""
            series.aligner = reader.text("aligner") ?? series.aligner
            series.alignmentPeriod = reader.seconds("alignmentPeriodSeconds") ?? series.alignmentPeriod
            series.ofReaders = reader.flag("ofReaders") ?? true
            self = .cloudMonitoring(series)
        case .proxySQLConnections: self = .proxySQLConnections
        case .proxySQLQueries: self = .proxySQLQueries
        case .external: self = .external
        }
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        switch self {
        case .cloudMonitoring(let series):
            try writer.write("kind", Kind.cloudMonitoring.rawValue)
            try writer.write("metricType", series.metricType)
            if !series.filter.isEmpty { try writer.write("filter", series.filter) }
            try writer.write("aligner", series.aligner)
            try writer.seconds("alignmentPeriodSeconds", series.alignmentPeriod)
            if !series.ofReaders { try writer.write("ofReaders", false) }
        case .proxySQLConnections: try writer.write("kind", Kind.proxySQLConnections.rawValue)
        case .proxySQLQueries: try writer.write("kind", Kind.proxySQLQueries.rawValue)
        case .external: try writer.write("kind", Kind.external.rawValue)
        }
    }
}
