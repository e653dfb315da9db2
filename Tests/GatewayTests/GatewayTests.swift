import TestSupport
import Testing

/// The whole application from outside. One after the other: some of these tests load the machine, others
/// measure how quickly it answers.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(5)))
struct GatewayTests {}
