package dev.gust.formats.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A GGUF file put together by hand, right or wrong. */
final class GgufBytes {
    static final int F32 = 0;
    static final int Q4_0 = 2;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** A version 3 header. */
    static GgufBytes header(long tensors, long entries) {
        return new GgufBytes().raw("GGUF").i32(3).i64(tensors).i64(entries);
    }

    GgufBytes raw(String text) {
        out.writeBytes(text.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    GgufBytes raw(int... bytes) {
        for (int b : bytes) {
            out.write(b);
        }
        return this;
    }

    GgufBytes i32(int value) {
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
        return this;
    }

    GgufBytes i64(long value) {
        out.writeBytes(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
        return this;
    }

    GgufBytes text(String value) {
        return i64(value.getBytes(StandardCharsets.UTF_8).length).raw(value);
    }

    /** A metadata entry up to and without its value. */
    GgufBytes entry(String key, GgufType type) {
        return text(key).i32(type.id());
    }

    /** A tensor's entry; dimensions fastest first, as in the file. */
    GgufBytes tensor(String name, int type, long offset, long... dims) {
        text(name).i32(dims.length);
        for (long d : dims) {
            i64(d);
        }
        return i32(type).i64(offset);
    }

    /** Zeros up to a multiple of {@code alignment}, then that many more. */
    GgufBytes data(int alignment, int bytes) {
        out.writeBytes(new byte[Math.floorMod(-out.size(), alignment)]);
        out.writeBytes(new byte[bytes]);
        return this;
    }

    byte[] bytes() {
        return out.toByteArray();
    }

    Path in(Path folder) {
        try {
            return Files.write(folder.resolve("model.gguf"), bytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
