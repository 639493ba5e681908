package dev.gust.formats.onnx;

import dev.gust.formats.tensor.DType;
import java.util.Arrays;
import java.util.Optional;

/**
 * Element types of ONNX ({@code TensorProto.DataType}), each with the counterpart we have for it and the field that
 * holds its elements where they are not raw bytes.
 */
enum OnnxType {
    FLOAT(1, DType.F32, OnnxType.FLOAT_DATA),
    UINT8(2, DType.U8, OnnxType.INT32_DATA),
    INT8(3, DType.I8, OnnxType.INT32_DATA),
    UINT16(4, DType.U16, OnnxType.INT32_DATA),
    INT16(5, DType.I16, OnnxType.INT32_DATA),
    INT32(6, DType.I32, OnnxType.INT32_DATA),
    INT64(7, DType.I64, OnnxType.INT64_DATA),
    STRING(8),
    BOOL(9, DType.BOOL, OnnxType.INT32_DATA),
    FLOAT16(10, DType.F16, OnnxType.INT32_DATA),
    DOUBLE(11, DType.F64, OnnxType.DOUBLE_DATA),
    UINT32(12, DType.U32, OnnxType.UINT64_DATA),
    UINT64(13, DType.U64, OnnxType.UINT64_DATA),
    COMPLEX64(14, DType.C64, OnnxType.FLOAT_DATA),
    COMPLEX128(15),
    BFLOAT16(16, DType.BF16, OnnxType.INT32_DATA),
    FLOAT8E4M3FN(17, DType.F8_E4M3, OnnxType.INT32_DATA),
    FLOAT8E4M3FNUZ(18, DType.F8_E4M3FNUZ, OnnxType.INT32_DATA),
    FLOAT8E5M2(19, DType.F8_E5M2, OnnxType.INT32_DATA),
    FLOAT8E5M2FNUZ(20, DType.F8_E5M2FNUZ, OnnxType.INT32_DATA),
    UINT4(21),
    INT4(22, DType.I4, OnnxType.INT32_DATA),
    FLOAT4E2M1(23, DType.F4, OnnxType.INT32_DATA),
    FLOAT8E8M0(24, DType.F8_E8M0, OnnxType.INT32_DATA),
    UINT2(25),
    INT2(26);

    static final int FLOAT_DATA = 4;
    static final int INT32_DATA = 5;
    static final int INT64_DATA = 7;
    static final int DOUBLE_DATA = 10;
    static final int UINT64_DATA = 11;

    private final int code;
    private final Optional<DType> dtype;
    private final int dataField;

    OnnxType(int code) {
        this.code = code;
        this.dtype = Optional.empty();
        this.dataField = 0;
    }

    OnnxType(int code, DType dtype, int dataField) {
        this.code = code;
        this.dtype = Optional.of(dtype);
        this.dataField = dataField;
    }

    static Optional<OnnxType> byCode(int code) {
        return Arrays.stream(values()).filter(type -> type.code == code).findFirst();
    }

    /** Its number in files. */
    int code() {
        return code;
    }

    /** Our type for it, if we have one. */
    Optional<DType> dtype() {
        return dtype;
    }

    /** The field of TensorProto that lists the elements where they are not raw. */
    int dataField() {
        return dataField;
    }

    /** Bytes that one entry of {@link #dataField()} stands for: two 4-bit elements share an entry, as they do a byte. */
    int entryBytes() {
        return this == COMPLEX64 ? Float.BYTES : dtype.orElseThrow().blockBytes();
    }
}
