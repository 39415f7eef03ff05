import CDescriptors
import Testing

#if canImport(Glibc)
    import Glibc

    @Suite("When descriptors run out")
    struct ExhaustionTests {
        @Test("a runtime that asks for the state of its threads gets an answer, whatever is left")
        func threads() {
            for error in [EMFILE, ENFILE] {
                #expect(drover_refused_open("/proc/4711/stat", error) == drover_absent_descriptor())
                for path in ["/proc/self/stat", "/proc/4711/status", "/proc//stat", "/proc/4711/stat/x", "/etc/passwd"]
                {
                    #expect(drover_refused_open(path, error) == -1, "\(path)")
                }
            }
            #expect(drover_refused_open("/proc/4711/stat", ENOENT) == -1)
        }

        /// Another test's descriptors must not run out: what `open` does then is asked of a path that it cannot open.
        @Test("every other file is opened as ever, and fails as ever")
        func ordinary() {
            let file = open("/proc/self/stat", O_RDONLY)
            #expect(file >= 0 && file != drover_absent_descriptor())
            close(file)
            #expect(open("/nonexistent", O_RDONLY) == -1 && errno == ENOENT)
            #expect(open("/proc/0/stat", O_RDONLY) == -1 && errno == ENOENT)
        }

        @Test("what stands for an absent descriptor can be neither read nor closed, and hurts nobody")
        func absent() {
            var byte: UInt8 = 0
            #expect(read(drover_absent_descriptor(), &byte, 1) == -1 && errno == EBADF)
            #expect(close(drover_absent_descriptor()) == -1 && errno == EBADF)
        }
    }
#endif
