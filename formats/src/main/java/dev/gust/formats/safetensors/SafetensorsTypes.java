package dev.gust.formats.safetensors;

import dev.gust.formats.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The number types that safetensors knows. Their names there are those of {@link DType}. */
final class SafetensorsTypes {
    /**
     * In the order of the reference implementation's enum, by which its writer sorts (from the end): alignment ascends,
     * and equal alignment has an order too.
     */
    private static final List<DType> ASCENDING = List.of(
            DType.BOOL,
            DType.F4,
            DType.F6_E2M3,
            DType.F6_E3M2,
            DType.U8,
            DType.I8,
            DType.F8_E5M2,
            DType.F8_E4M3,
            DType.F8_E8M0,
            DType.F8_E4M3FNUZ,
            DType.F8_E5M2FNUZ,
            DType.I16,
            DType.U16,
            DType.F16,
            DType.BF16,
            DType.I32,
            DType.U32,
            DType.F32,
            DType.C64,
            DType.F64,
            DType.I64,
            DType.U64);

    // Both are asked for every tensor, and models of a hundred thousand experts exist.
    private static final Map<String, DType> BY_NAME =
            ASCENDING.stream().collect(Collectors.toUnmodifiableMap(DType::name, Function.identity()));
    private static final Map<DType, Integer> RANKS =
            ASCENDING.stream().collect(Collectors.toUnmodifiableMap(Function.identity(), ASCENDING::indexOf));

    private SafetensorsTypes() {}

    /** The type of that name, if the format has it. */
    static Optional<DType> byName(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /** Place in the writer's order, or −1 if the format lacks the type. */
    static int rank(DType dtype) {
        return RANKS.getOrDefault(dtype, -1);
    }
}
