import CDescriptors
import Testing

#if canImport(Glibc)
    import Glibc

    @Suite("When descriptors run out")
    struct ExhaustionTests {
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
