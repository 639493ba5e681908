package dev.gust.formats.gguf;

import dev.gust.formats.tensor.DType;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** The numbers that stand for tensor types in GGUF files (enum ggml_type). */
public final class GgmlTypes {
    private static final Map<DType, Integer> IDS = ids();

    private GgmlTypes() {}

    /** The number of that type; empty if GGUF has no such type. */
    public static OptionalInt id(DType dtype) {
        Integer id = IDS.get(dtype);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** The type of that number; empty for numbers that are unassigned, withdrawn or not known here. */
    public static Optional<DType> dtype(int id) {
        return IDS.entrySet().stream()
                .filter(e -> e.getValue() == id)
                .map(Map.Entry::getKey)
                .findFirst();
    }

    private static Map<DType, Integer> ids() {
        var ids = new EnumMap<DType, Integer>(DType.class);
        ids.put(DType.F32, 0);
        ids.put(DType.F16, 1);
        ids.put(DType.Q4_0, 2);
        ids.put(DType.Q4_1, 3);
        ids.put(DType.Q5_0, 6);
        ids.put(DType.Q5_1, 7);
        ids.put(DType.Q8_0, 8);
        ids.put(DType.Q8_1, 9);
        ids.put(DType.Q2_K, 10);
        ids.put(DType.Q3_K, 11);
        ids.put(DType.Q4_K, 12);
        ids.put(DType.Q5_K, 13);
        ids.put(DType.Q6_K, 14);
        ids.put(DType.Q8_K, 15);
        ids.put(DType.IQ2_XXS, 16);
        ids.put(DType.IQ2_XS, 17);
        ids.put(DType.IQ3_XXS, 18);
        ids.put(DType.IQ1_S, 19);
        ids.put(DType.IQ4_NL, 20);
        ids.put(DType.IQ3_S, 21);
        ids.put(DType.IQ2_S, 22);
        ids.put(DType.IQ4_XS, 23);
        ids.put(DType.I8, 24);
        ids.put(DType.I16, 25);
        ids.put(DType.I32, 26);
        ids.put(DType.I64, 27);
        ids.put(DType.F64, 28);
        ids.put(DType.IQ1_M, 29);
        ids.put(DType.BF16, 30);
        ids.put(DType.TQ1_0, 34);
        ids.put(DType.TQ2_0, 35);
        ids.put(DType.MXFP4, 39);
        ids.put(DType.NVFP4, 40);
        return ids;
    }
}
