package dev.gust.runtime.matmul;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A form in which weights are stored, as users know it.
 *
 * @param label a scheme's name, or a type's in lower case
 * @param scheme the scheme, if codes and scales are stored apart
 * @param dtype the type, if the weight is one stored tensor
 */
public record MatmulForm(String label, Optional<Scheme> scheme, Optional<DType> dtype) {
    private static MatmulForm of(Scheme scheme) {
        return new MatmulForm(scheme.label(), Optional.of(scheme), Optional.empty());
    }

    private static MatmulForm of(DType dtype) {
        String label = dtype.name().toLowerCase(Locale.ROOT);
        // MXFP4 and NVFP4 are schemes as well as types of GGUF's blocks.
        return new MatmulForm(
                dtype.kind() == DType.Kind.BLOCK ? "gguf " + label : label, Optional.empty(), Optional.of(dtype));
    }

    /** Every form that can be multiplied by. */
    public static List<MatmulForm> all() {
        var forms = new ArrayList<MatmulForm>();
        for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
            forms.add(of(dtype));
        }
        for (Scheme scheme : Scheme.values()) {
            forms.add(of(scheme));
        }
        for (DType dtype : DType.values()) {
            if (dtype.kind() == DType.Kind.BLOCK && Codecs.of(dtype).isPresent()) {
                forms.add(of(dtype));
            }
        }
        return forms;
    }

    /** Whether kernels restore it; every form runs on the jvm device. */
    public boolean hasKernels() {
        return dtype.map(d -> switch (d) {
                    case F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K, MXFP4, NVFP4 -> true;
                    default -> false;
                })
                .orElse(true);
    }

    /** What K must be a multiple of. */
    public int granularity() {
        return dtype.map(DType::blockElements).orElseGet(() -> switch (scheme.orElseThrow()) {
            case FP8, FP8_TENSOR, FP8_E5M2, INT8 -> 1;
            case FP8_BLOCK, INT4 -> 128;
            case NVFP4 -> 16;
            case MXFP8, MXFP6_E2M3, MXFP6_E3M2, MXFP4 -> 32;
        });
    }
}
