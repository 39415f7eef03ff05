import FleetModel
import HTTPTypes
import Hummingbird
import Pacing
import Synchronization

/// Lets each address make so many requests a second, with a second's worth of them at once and more after a rest.
final class RateLimit: Sendable {
    private struct Bucket {
        var tokens: Double
        var filledAt: Timestamp
    }

    /// Addresses that are remembered; beyond, the full ones are forgotten first.
    private static let maximumAddresses = 10_000

    private let perSecond: Double
    private let burst: Double
    private let wallClock: any WallClock
    private let buckets = Mutex<[String: Bucket]>([:])

    init(perSecond: Double, wallClock: any WallClock) {
        self.perSecond = perSecond
        self.burst = max(1, perSecond * 2)
        self.wallClock = wallClock
    }

    /// - Returns: nil, or the seconds to wait.
    func refusal(of address: String) -> Int? {
        let now = wallClock.now()
        return buckets.withLock { buckets in
            if buckets[address] == nil, buckets.count >= Self.maximumAddresses {
                buckets = buckets.filter { level(of: $0.value, now) < burst }
                if buckets.count >= Self.maximumAddresses { buckets = [:] }
            }
            var bucket = buckets[address] ?? Bucket(tokens: burst, filledAt: now)
            bucket.tokens = level(of: bucket, now)
            bucket.filledAt = now
            defer { buckets[address] = bucket }
            guard bucket.tokens >= 1 else { return Int(((1 - bucket.tokens) / perSecond).rounded(.up)) }
            bucket.tokens -= 1
            return nil
        }
    }

    private func level(of bucket: Bucket, _ now: Timestamp) -> Double {
        let passed = max(0, Double(now.since(bucket.filledAt).wholeMilliseconds) / 1_000)
        return min(burst, bucket.tokens + passed * perSecond)
    }
}

/// Turns away who asks too often.
struct RateLimitMiddleware: RouterMiddleware {
    let limit: RateLimit

    func handle(
        _ request: Request, context: ManagementContext,
        next: (Request, ManagementContext) async throws -> Response
    ) async throws -> Response {
        // Behind a load balancer its checks come from the address that everybody's requests come from.
        if !request.isHealthCheck, let wait = limit.refusal(of: context.sourceAddress) {
            var error = APIError(status: 429, message: "too many requests; try again in \(wait) s")
            error.headers[.retryAfter] = "\(wait)"
            return APIAnswer.refusal(error, of: request)
        }
        return try await next(request, context)
    }
}
