import Core
import Synchronization
import TestSupport
import Testing

@testable import Store

/// Look-ups that come together share a statement, and nothing else.
@Suite struct BatchLoaderTests {
    private typealias Loader = BatchLoader<Int, Int>

    /// A loader that doubles numbers, notes the keys of every statement, and holds some up until told.
    private final class Stage: Sendable {
        let statements = Happening<[Int]>()
        let gate = Signal()
        private let loader = Mutex<Loader?>(nil)

        init(
            keysMax: Int = 64, patience: Duration = .seconds(60), holds: Set<Int> = [], refuses: Set<Int> = []
        ) {
            let made = Loader(keysMax: keysMax, patience: patience) {
                [statements, gate] keys throws(KinoraError) in
                statements.note(keys)
                if !holds.isDisjoint(with: keys) { _ = gate.wait(for: TestSupport.patience, clearing: false) }
                if !refuses.isDisjoint(with: keys) { throw KinoraError(.databaseAway) }
                return keys.map { key in
                    key < 0 ? .failure(KinoraError(.internalFault)) : .success(key == 0 ? nil : 2 * key)
                }
            }
            loader.withLock { $0 = made }
        }

        var line: Loader { loader.withLock { $0! } }

        /// Asks from a thread of its own.
        func ask(_ key: Int, _ answers: Happening<String>) throws -> Thread {
            try Thread { [self] in
                do throws(KinoraError) {
                    let value = try line.value(of: key)
                    answers.note("\(key): \(value.map(String.init) ?? "none")")
                } catch {
                    answers.note("\(key): \(error.code)")
                }
            }
        }
    }

    @Test func aLoneLookUpIsRunAtOnce() throws {
        let stage = Stage()
        #expect(try stage.line.value(of: 4) == 8)
        #expect(try stage.line.value(of: 0) == nil)
        #expect(stage.statements.all == [[4], [0]])
    }

    @Test func whoeverComesMeanwhileSharesTheNextStatements() throws {
        let stage = Stage(keysMax: 4, holds: [100])
        let answers = Happening<String>()
        var threads = [try stage.ask(100, answers)]
        #expect(stage.statements.wait { $0.count == 1 })
        for key in 1...10 {
            threads.append(try stage.ask(key, answers))
            #expect(eventually { stage.line.waitingCount == key })
        }
        stage.gate.raise()
        for thread in threads { #expect(thread.join(until: .now + patience)) }
        #expect(stage.statements.all == [[100], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]])
        #expect(answers.all.sorted() == ([100] + Array(1...10)).map { "\($0): \(2 * $0)" }.sorted())
        #expect(try stage.line.value(of: 7) == 14, "the line moves again")
    }

    @Test func aStatementThatIsHeldUpHoldsUpNobodyElse() throws {
        let stage = Stage(patience: .milliseconds(1), holds: [100])
        let answers = Happening<String>()
        let held = try stage.ask(100, answers)
        #expect(stage.statements.wait { $0.count == 1 })
        for key in 1...20 { #expect(try stage.line.value(of: key) == 2 * key) }
        #expect(answers.all.isEmpty)
        stage.gate.raise()
        #expect(held.join(until: .now + patience))
        #expect(answers.all == ["100: 200"])
    }

    @Test func aStatementThatFailsFailsForThoseItServes() throws {
        let stage = Stage(holds: [100], refuses: [1])
        let answers = Happening<String>()
        var threads = [try stage.ask(100, answers)]
        #expect(stage.statements.wait { $0.count == 1 })
        for (index, key) in [1, 2].enumerated() {
            threads.append(try stage.ask(key, answers))
            #expect(eventually { stage.line.waitingCount == index + 1 })
        }
        stage.gate.raise()
        for thread in threads { #expect(thread.join(until: .now + patience)) }
        #expect(answers.all.sorted() == ["100: 200", "1: databaseAway", "2: databaseAway"].sorted())
        #expect(try stage.line.value(of: 2) == 4)
    }

    @Test func aValueThatCannotBeReadFailsAlone() throws {
        let stage = Stage(holds: [100])
        let answers = Happening<String>()
        var threads = [try stage.ask(100, answers)]
        #expect(stage.statements.wait { $0.count == 1 })
        for (index, key) in [-1, 2].enumerated() {
            threads.append(try stage.ask(key, answers))
            #expect(eventually { stage.line.waitingCount == index + 1 })
        }
        stage.gate.raise()
        for thread in threads { #expect(thread.join(until: .now + patience)) }
        #expect(answers.all.sorted() == ["100: 200", "-1: internalFault", "2: 4"].sorted())
    }

    @Test func manyThreadsEachGetTheirOwn() throws {
        let stage = Stage(keysMax: 8, patience: .milliseconds(1))
        let wrong = Atomic<Int>(0)
        let threads = try (0..<32).map { thread in
            try Thread {
                for round in 1...500 {
                    let key = thread * 1000 + round
                    if (try? stage.line.value(of: key)) != .some(.some(2 * key)) {
                        wrong.add(1, ordering: .relaxed)
                    }
                }
            }
        }
        for thread in threads { #expect(thread.join(until: .now + .seconds(60))) }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(stage.statements.all.reduce(0) { $0 + $1.count } == 32 * 500, "each key was asked for once")
        #expect(stage.statements.all.allSatisfy { (1...8).contains($0.count) })
    }
}
