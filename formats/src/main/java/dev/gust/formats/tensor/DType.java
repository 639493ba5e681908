package dev.gust.formats.tensor;

import static dev.gust.formats.tensor.DType.Kind.BLOCK;
import static dev.gust.formats.tensor.DType.Kind.COMPLEX;
import static dev.gust.formats.tensor.DType.Kind.FLOAT;
import static dev.gust.formats.tensor.DType.Kind.INT;
import static dev.gust.formats.tensor.DType.Kind.UINT;

import java.util.Arrays;
import java.util.Optional;

/**
 * A number type as it is stored. Storage comes in units of {@link #blockElements()} elements that take
 * {@link #blockBytes()} bytes together: 1 element in 4 bytes for F32, 2 in 1 for F4, 32 in 18 for GGUF's Q4_0.
 *
 * <p>Constants carry the names of the safetensors format where it has the type, and those of ggml for GGUF's block
 * types. All types are little-endian.
 */
public enum DType {
    F64(FLOAT, 1, 8),
    F32(FLOAT, 1, 4),
    F16(FLOAT, 1, 2),
    BF16(FLOAT, 1, 2),
    F8_E4M3(FLOAT, 1, 1),
    F8_E5M2(FLOAT, 1, 1),
    F8_E4M3FNUZ(FLOAT, 1, 1),
    F8_E5M2FNUZ(FLOAT, 1, 1),
    /** A power of two, 2^(code − 127); the scale type of the OCP MX formats. */
    F8_E8M0(FLOAT, 1, 1),
    F6_E2M3(FLOAT, 4, 3),
    F6_E3M2(FLOAT, 4, 3),
    /** E2M1, two to a byte, the even element in the low nibble. */
    F4(FLOAT, 2, 1),
    I64(INT, 1, 8),
    I32(INT, 1, 4),
    I16(INT, 1, 2),
    I8(INT, 1, 1),
    /** Two's complement, two to a byte, the even element in the low nibble. */
    I4(INT, 2, 1),
    U64(UINT, 1, 8),
    U32(UINT, 1, 4),
    U16(UINT, 1, 2),
    U8(UINT, 1, 1),
    BOOL(Kind.BOOL, 1, 1),
    /** Two F32, real and imaginary part. */
    C64(COMPLEX, 1, 8),

    Q4_0(BLOCK, 32, 18),
    Q4_1(BLOCK, 32, 20),
    Q5_0(BLOCK, 32, 22),
    Q5_1(BLOCK, 32, 24),
    Q8_0(BLOCK, 32, 34),
    Q8_1(BLOCK, 32, 36),
    Q2_K(BLOCK, 256, 84),
    Q3_K(BLOCK, 256, 110),
    Q4_K(BLOCK, 256, 144),
    Q5_K(BLOCK, 256, 176),
    Q6_K(BLOCK, 256, 210),
    Q8_K(BLOCK, 256, 292),
    IQ2_XXS(BLOCK, 256, 66),
    IQ2_XS(BLOCK, 256, 74),
    IQ3_XXS(BLOCK, 256, 98),
    IQ1_S(BLOCK, 256, 50),
    IQ4_NL(BLOCK, 32, 18),
    IQ3_S(BLOCK, 256, 110),
    IQ2_S(BLOCK, 256, 82),
    IQ4_XS(BLOCK, 256, 136),
    IQ1_M(BLOCK, 256, 56),
    TQ1_0(BLOCK, 256, 54),
    TQ2_0(BLOCK, 256, 66),
    /** 32 E2M1 codes behind one E8M0 scale. */
    MXFP4(BLOCK, 32, 17),
    /** 64 E2M1 codes behind four unsigned E4M3 scales. */
    NVFP4(BLOCK, 64, 36);

    /** What an element is. */
    public enum Kind {
        FLOAT,
        INT,
        UINT,
        BOOL,
        COMPLEX,
        /** Elements that mean nothing without the scales stored beside them: GGUF's quantized blocks. */
        BLOCK
    }

    private final Kind kind;
    private final int blockElements;
    private final int blockBytes;

    DType(Kind kind, int blockElements, int blockBytes) {
        this.kind = kind;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    public Kind kind() {
        return kind;
    }

    /** Elements in one unit of storage; a tensor's last dimension (GGUF) or element count must be a multiple of it. */
    public int blockElements() {
        return blockElements;
    }

    /** Bytes in one unit of storage. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Bits an element takes on average, scales included. */
    public double bitsPerElement() {
        return 8.0 * blockBytes / blockElements;
    }

    /**
     * Bytes that {@code elements} elements take.
     *
     * @throws IllegalArgumentException if they do not fill whole units of storage
     * @throws ArithmeticException if the size exceeds a long
     */
    public long byteSize(long elements) {
        if (elements % blockElements != 0) {
            throw new IllegalArgumentException(
                    elements + " elements do not fill whole blocks of " + blockElements + " " + this);
        }
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }

    /** The type of that name, as safetensors and ggml spell it. */
    public static Optional<DType> byName(String name) {
        return Arrays.stream(values()).filter(d -> d.name().equals(name)).findFirst();
    }
}
