import Core
import Glibc
import TestSupport
import Testing

struct SpawnTests {
    @Test func aProgramHasItsThreeDescriptorsAndNoMore() throws {
        // Neither is closed by itself when a program starts.
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let output = try Pipe()
        let child = try Child(["ls", "/proc/self/fd"], output: output.writing)
        output.closeWriting()
        #expect(child.end(within: patience) == 0)
        // The fourth is the folder that it lists.
        #expect(String(decoding: output.readSome(), as: UTF8.self) == "0\n1\n2\n3\n")
    }

    @Test func aPipeEndsWithItsProgramWhateverElseStarts() throws {
        let output = try Pipe()
        let first = try Child(["true"], output: output.writing)
        let second = try Child(["sleep", "600"])
        defer { second.signal(SIGKILL) }
        output.closeWriting()
        #expect(output.readSome().isEmpty)
        #expect(first.end(within: patience) == 0)
        #expect(second.isRunning)
    }

    @Test func whatAProgramLeavesIsKept() throws {
        let finished = try run("sh", ["-c", "cat; echo sorry >&2; exit 7"], input: Array("in".utf8))
        #expect(finished.status == 7 && finished.text == "in" && finished.errors == "sorry\n")
        #expect(try run("sh", ["-c", "kill -TERM $$"]).status == 128 + SIGTERM)
        #expect(try run("env", [], environment: ["A": "ü b"]).text == "A=ü b\n")
    }

    @Test func aMissingProgramIsAnError() {
        #expect(throws: KinoraError.self) { try run("no-such-program", []) }
    }
}
