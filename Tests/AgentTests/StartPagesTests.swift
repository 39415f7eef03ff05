import Foundation
import Testing

@testable import Agent

@Suite("Memory that only the start needed")
struct StartPagesTests {
    @Test("the program's code and the constants before it are chosen: not what was relocated, not data, not a library")
    func ranges() {
        let maps = """
            55b2c0000000-55b2c099f000 r--p 00000000 fe:00 1 /usr/local/bin/drover
            55b2c099f000-55b2c4444000 r-xp 0099f000 fe:00 1                          /usr/local/bin/drover
            55b2c4444000-55b2c45c2000 r--p 04444000 fe:00 1                          /usr/local/bin/drover
            55b2c45c2000-55b2c6be2000 rw-p 045c2000 fe:00 1                          /usr/local/bin/drover
            55b2c6be2000-55b2c6d9d000 rwxp 00000000 00:00 0                          /usr/local/bin/drover
            7ff63009d000-7ff6301f3000 r-xp 00026000 fe:00 2                          /usr/lib/libc.so.6
            7ff6301f3000-7ff6301f4000 r-xp 00026000 fe:00 3                          /usr/local/bin/drover 2
            7ffd2a5f2000-7ffd2a5f4000 r-xp 00000000 00:00 0                          [vdso]
            broken
            zz-55b2c4444000 r-xp 0099f000 fe:00 1                                    /usr/local/bin/drover
            """
        #expect(
            StartPages.codeRanges(of: "/usr/local/bin/drover", in: maps) == [
                0x55b2_c000_0000..<0x55b2_c099_f000, 0x55b2_c099_f000..<0x55b2_c444_4000,
            ])
        #expect(StartPages.codeRanges(of: "/usr/bin/other", in: maps).isEmpty)
    }

    @Test("what runs goes on running, from the page cache")
    func goesOn() {
        #expect(StartPages.release() > 0)
        #expect((1...10).reduce(0, +) == 55)
    }
}
