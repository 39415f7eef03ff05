/// Texts in Markdown, as GitHub reads it.
enum Markdown {
    /// A table; cells must have no line breaks.
    static func table(_ head: [String], _ rows: [[String]]) -> String {
        let lines = [head, head.map { _ in "---" }] + rows.map { $0.map(cell) }
        return lines.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    /// `text` in the typeface of code; nothing for nothing.
    static func code(_ text: String?) -> String {
        guard let text, !text.isEmpty else { return "" }
        return "`\(text)`"
    }

    /// Several of them.
    static func codes(_ texts: some Sequence<String>) -> String {
        texts.map { code($0) }.joined(separator: ", ")
    }

    private static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|")
    }
}
