import FleetModel
import Foundation
import JSONValues
import ProxySQLAdmin
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("Numbers in Chester's entities and messages")
struct OutsideNumbersTests {
    private let key = DatastoreKey(partitionId: .init(), path: [])

    @Test("an incident with any number and any time is read, shown and written again")
    func incidents() throws {
        var numbers = OutsideNumbers(seed: 4)
        for round in 0..<500 {
            let time = round % 2 == 0 ? "\(numbers.next())" : "2026-12-24T18:00:00Z"
            let entity = DatastoreEntity(
                key: key,
                properties: [
                    "IncidentID": .string("0-a"), "SqlMasterInstance": .string("shop"), "Action": .string("add"),
                    "State": .string("closed"), "StartedAt": DatastoreValue(content: .integer(numbers.next())),
                    "ClosedTimestamp": .string(time), "LastUpdated": .string(time),
                    "InProgress": DatastoreValue(content: .integer(numbers.next())),
                ])
            let stored = ChesterIncident(entity)
            let incident = try stored.incident()
            #expect(Timestamp(rfc3339: incident.startedAt.rfc3339) == incident.startedAt)
            let written = ChesterIncident(incident, over: stored)
            #expect(try written.incident().startedAt.secondsSinceEpoch == incident.startedAt.secondsSinceEpoch)
            let message = try #require(ChesterMessage(ChesterMessage.incident(written).data()))
            #expect(message == .incident(written))
            #expect(!(try JSONEncoder().encode(incident)).isEmpty)
        }
    }

    @Test("a message with any number in any place is refused or read")
    func messages() throws {
        let text = String(
            decoding: ChesterMessage.incident(
                ChesterIncident(
                    DatastoreEntity(
                        key: key,
                        properties: [
                            "IncidentID": .string("0-a"), "StartedAt": DatastoreValue(content: .integer(1_800_000_000)),
                        ]))
            ).data(), as: UTF8.self)
        var numbers = OutsideNumbers(seed: 5)
        for _ in 0..<500 {
            let message = ChesterMessage(Data(numbers.replacing(oneIn: 1, of: text).utf8))
            guard case .incident(var incident) = message else { continue }
            incident.sql_master_instance = "shop"
            incident.action = "remove"
            #expect(!(try incident.incident()).startedAt.rfc3339.isEmpty)
        }
    }

    private func group(_ numbers: inout OutsideNumbers) -> DatastoreEntity {
        func number() -> DatastoreValue { DatastoreValue(content: .integer(numbers.next())) }
        func list(_ members: [String: DatastoreValue]) -> DatastoreValue {
            DatastoreValue(content: .array([DatastoreValue(content: .entity(members))]))
        }
        return DatastoreEntity(
            key: key,
            properties: [
                "MySqlServers": list([
                    "Address": .string("10.0.0.1"), "Port": number(), "Hostgroup": number(), "MaxConnections": number(),
                    "UseSSL": number(), "Comment": .string("shop"),
                ]),
                "MySqlUsers": list([
                    "Username": .string("app"), "Password": .string("p"), "DefaultHostgroup": number(),
                    "Active": number(),
                ]),
                "MySqlQueryRules": list([
                    "RuleID": number(), "Username": .string("app"), "MatchDigest": .string("^SELECT"),
                    "DestinationHostgroup": number(), "Active": number(), "Apply": number(),
                ]),
                "ReadHostGroup": number(), "WriteHostGroup": number(),
            ])
    }

    @Test("a group with any numbers is taken over, rendered for ProxySQL and written as it was read")
    func groups() throws {
        var numbers = OutsideNumbers(seed: 6)
        let name = try InstanceName("shop")
        for _ in 0..<500 {
            let chester = ChesterGroup(group(&numbers))
            var record = chester.record(named: name, ruleIDBase: 1_000, policy: ScalingPolicy(maximumReplicas: 0))
            #expect(ChesterGroup(record).rules == chester.rules)
            ChesterGroup(group(&numbers)).change(&record)
            for rule in record.configuration.queryRules {
                #expect(QueryRuleRow(rule, of: record.configuration).id >= 1_000)
            }
            for server in record.configuration.servers { #expect(!ServerRow(server, group: name).key.isEmpty) }
            let document = try JSONEncoder().encode(record)
            #expect(try JSONDecoder().decode(GroupRecord.self, from: document).configuration.group == name)
        }
    }
}
