package dev.gust.formats.arrow;

import static dev.gust.formats.arrow.CStruct.ARRAY;
import static dev.gust.formats.arrow.CStruct.SCHEMA;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;

/**
 * Fills the structures of Arrow's C data interface. Each structure keeps its own memory, because a consumer may move a
 * child away and release it long after its parent.
 */
final class CExport {
    private static final System.Logger LOG = System.getLogger(CExport.class.getName());
    private static final long POINTER = 8;

    /**
     * What live structures keep, by the number in their private word. C can hold no reference to a Java object, and calls
     * back whenever it likes, on any thread: this table has to belong to the process.
     */
    private static final Map<Long, List<ArrowBuf>> KEPT = new ConcurrentHashMap<>();

    private static final AtomicLong NUMBERS = new AtomicLong();

    private static final MemorySegment RELEASE_SCHEMA = stub("releaseSchema");
    private static final MemorySegment RELEASE_ARRAY = stub("releaseArray");

    private CExport() {}

    /**
     * Describes a column of one fixed-size list.
     *
     * @param listSize values in the list
     * @throws org.apache.arrow.memory.OutOfMemoryException if the allocator refuses; nothing is left behind then
     */
    static void schema(
            BufferAllocator allocator,
            MemorySegment target,
            String name,
            ArrowType value,
            long listSize,
            Map<String, String> metadata) {
        byte[] meta = metadata(metadata);
        byte[] format = text("+w:" + listSize);
        byte[] nameText = text(name);
        long childAt = POINTER;
        long formatAt = childAt + SCHEMA.bytes();
        long nameAt = formatAt + format.length;
        long metaAt = nameAt + nameText.length;
        ArrowBuf block = allocator.buffer(metaAt + meta.length);
        ArrowBuf childBlock;
        byte[] childFormat = text(format(value));
        byte[] childName = text("item");
        try {
            childBlock = allocator.buffer(childFormat.length + childName.length);
        } catch (RuntimeException e) {
            block.close();
            throw e;
        }
        MemorySegment childMemory = memory(childBlock);
        put(childMemory, 0, childFormat);
        put(childMemory, childFormat.length, childName);
        MemorySegment memory = memory(block);
        put(memory, formatAt, format);
        put(memory, nameAt, nameText);
        put(memory, metaAt, meta);

        MemorySegment child = memory.asSlice(childAt, SCHEMA.bytes());
        child.set(JAVA_LONG, CStruct.FORMAT, childMemory.address());
        child.set(JAVA_LONG, CStruct.NAME, childMemory.address() + childFormat.length);
        finish(SCHEMA, child, RELEASE_SCHEMA, List.of(childBlock));
        memory.set(JAVA_LONG, 0, child.address());
        target.fill((byte) 0);
        target.set(JAVA_LONG, CStruct.FORMAT, memory.address() + formatAt);
        target.set(JAVA_LONG, CStruct.NAME, memory.address() + nameAt);
        target.set(JAVA_LONG, CStruct.METADATA, memory.address() + metaAt);
        oneChild(SCHEMA, target, memory);
        finish(SCHEMA, target, RELEASE_SCHEMA, List.of(block));
    }

    /**
     * Hands over a column of one fixed-size list.
     *
     * @param values its values, of which this takes over the caller's reference unless it throws
     * @param count of values
     * @throws org.apache.arrow.memory.OutOfMemoryException if the allocator refuses; nothing is left behind then
     */
    static void array(BufferAllocator allocator, MemorySegment target, ArrowBuf values, long count) {
        long childAt = 2 * POINTER;
        ArrowBuf block = allocator.buffer(childAt + ARRAY.bytes());
        ArrowBuf childBlock;
        try {
            childBlock = allocator.buffer(2 * POINTER);
        } catch (RuntimeException e) {
            block.close();
            throw e;
        }
        // The first buffer of each is the validity bitmap: none, as nothing is null.
        MemorySegment childMemory = memory(childBlock);
        childMemory.set(JAVA_LONG, POINTER, values.memoryAddress());
        MemorySegment memory = memory(block);
        MemorySegment child = memory.asSlice(childAt, ARRAY.bytes());
        child.set(JAVA_LONG, CStruct.LENGTH, count);
        child.set(JAVA_LONG, CStruct.BUFFER_COUNT, 2);
        child.set(JAVA_LONG, CStruct.BUFFERS, childMemory.address());
        finish(ARRAY, child, RELEASE_ARRAY, List.of(childBlock, values));
        memory.set(JAVA_LONG, 0, child.address());
        target.fill((byte) 0);
        target.set(JAVA_LONG, CStruct.LENGTH, 1);
        target.set(JAVA_LONG, CStruct.BUFFER_COUNT, 1);
        target.set(JAVA_LONG, CStruct.BUFFERS, memory.address() + POINTER);
        oneChild(ARRAY, target, memory);
        finish(ARRAY, target, RELEASE_ARRAY, List.of(block));
    }

    private static void oneChild(CStruct struct, MemorySegment target, MemorySegment pointers) {
        target.set(JAVA_LONG, struct.childCount(), 1);
        target.set(JAVA_LONG, struct.children(), pointers.address());
    }

    private static void finish(CStruct struct, MemorySegment target, MemorySegment release, List<ArrowBuf> kept) {
        long number = NUMBERS.incrementAndGet();
        KEPT.put(number, kept);
        target.set(JAVA_LONG, struct.privateData(), number);
        target.set(JAVA_LONG, struct.release(), release.address());
    }

    /** Zeroed memory that ends only with its buffer. */
    private static MemorySegment memory(ArrowBuf block) {
        return MemorySegment.ofAddress(block.memoryAddress())
                .reinterpret(block.capacity())
                .fill((byte) 0);
    }

    private static void put(MemorySegment memory, long offset, byte[] bytes) {
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, offset, bytes.length);
    }

    /** Text as C has it; nothing after a zero would be seen. */
    private static byte[] text(String text) {
        return (text.replace("\0", "") + "\0").getBytes(UTF_8);
    }

    /** Count of pairs, then each key and value behind its length, in the machine's byte order. */
    private static byte[] metadata(Map<String, String> metadata) {
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(number(metadata.size()));
        metadata.forEach((key, value) -> {
            for (String part : List.of(key, value)) {
                byte[] utf8 = part.getBytes(UTF_8);
                bytes.writeBytes(number(utf8.length));
                bytes.writeBytes(utf8);
            }
        });
        return bytes.toByteArray();
    }

    private static byte[] number(int value) {
        return ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }

    /** The letter that C uses for a type of number: signed small, unsigned capital. */
    static String format(ArrowType value) {
        if (value instanceof ArrowType.FloatingPoint real) {
            return real.getPrecision() == FloatingPointPrecision.DOUBLE
                    ? "g"
                    : real.getPrecision() == FloatingPointPrecision.SINGLE ? "f" : "e";
        }
        var integer = (ArrowType.Int) value;
        String letter = switch (integer.getBitWidth()) {
            case 64 -> "l";
            case 32 -> "i";
            case 16 -> "s";
            default -> "c";
        };
        return integer.getIsSigned() ? letter : letter.toUpperCase(Locale.ROOT);
    }

    private static MemorySegment stub(String method) {
        try {
            MethodHandle handle = MethodHandles.lookup()
                    .findStatic(CExport.class, method, MethodType.methodType(void.class, MemorySegment.class));
            return Linker.nativeLinker().upcallStub(handle, CStruct.RELEASE, Arena.global());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("no method " + method, e);
        }
    }

    @SuppressWarnings("unused") // called from C
    private static void releaseSchema(MemorySegment struct) {
        released(SCHEMA, struct);
    }

    @SuppressWarnings("unused") // called from C
    private static void releaseArray(MemorySegment struct) {
        released(ARRAY, struct);
    }

    /** What a consumer calls: frees the children that are still there, then the structure's own memory. */
    private static void released(CStruct layout, MemorySegment pointer) {
        try {
            MemorySegment struct = layout.at(pointer.address());
            for (long i = 0; i < struct.get(JAVA_LONG, layout.childCount()); i++) {
                MemorySegment child = layout.child(struct, i);
                if (!layout.isReleased(child)) {
                    released(layout, child);
                }
            }
            List<ArrowBuf> kept = KEPT.remove(struct.get(JAVA_LONG, layout.privateData()));
            struct.set(JAVA_LONG, layout.release(), 0);
            if (kept != null) {
                kept.forEach(ArrowBuf::close);
            }
        } catch (RuntimeException e) {
            // An exception that reaches C ends the process.
            LOG.log(System.Logger.Level.ERROR, "an export to Arrow's C data interface could not be released", e);
        }
    }
}
