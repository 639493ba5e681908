package dev.gust.formats.file;

import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/** CRC-32C of memory; the JDK computes it with the processor's own instruction. */
public final class Checksum {
    private static final long STEP = 1 << 30;

    private Checksum() {}

    public static long of(MemorySegment bytes) {
        var crc = new CRC32C();
        for (long done = 0; done < bytes.byteSize(); done += STEP) {
            crc.update(
                    bytes.asSlice(done, Math.min(STEP, bytes.byteSize() - done)).asByteBuffer());
        }
        return crc.getValue();
    }
}
