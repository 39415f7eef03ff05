import FleetModel
import Testing

@Suite("Schedules of five fields")
struct CronExpressionTests {
    @Test("blanks of any kind stand between the fields", arguments: ["0\t8\t*\t*\t1-5", " 0  8 *\t * 1-5\r\n"])
    func blanks(text: String) throws {
        #expect(try CronExpression(text) == CronExpression("0 8 * * 1-5"))
        #expect(try CronExpression(text).description == "0 8 * * 1-5")
    }

    @Test(
        "a day that none of its months has is refused, for it never comes",
        arguments: ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 feb *"])
    func never(text: String) {
        let error = #expect(throws: CronExpression.Invalid.self) { try CronExpression(text) }
        #expect(error?.description.contains("never comes") == true)
    }

    @Test(
        "a day that comes now and then is taken", arguments: ["0 0 29 2 *", "0 0 31 * *", "0 0 30 2 1", "0 0 31 4,5 *"])
    func sometimes(text: String) throws {
        _ = try CronExpression(text)
    }
}
