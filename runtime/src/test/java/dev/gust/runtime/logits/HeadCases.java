package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMethod;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** The cases that every device runs: every method and search, odd sizes, one of everything, all tokens, none. */
final class HeadCases {
    private record Size(DType type, int v, int d, int m, int k) {}

    private static final List<Size> SIZES = List.of(
            new Size(DType.F32, 1, 1, 1, 1),
            new Size(DType.F32, 45, 3, 3, 45),
            new Size(DType.BF16, 300, 33, 2, 4),
            new Size(DType.F16, 1111, 64, 1, 40),
            new Size(DType.F32, 70, 700, 1, 3),
            new Size(DType.F32, 1100, 17, 0, 2));

    private HeadCases() {}

    static Stream<Arguments> all() {
        var cases = new ArrayList<Arguments>();
        for (HeadMethod method : HeadMethod.values()) {
            for (Size s : SIZES) {
                for (HeadOptions options : searches(method, s.v())) {
                    cases.add(Arguments.of(method, s.type(), s.v(), s.d(), s.m(), s.k(), options));
                }
            }
        }
        return cases.stream();
    }

    private static List<HeadOptions> searches(HeadMethod method, int v) {
        HeadOptions screen =
                HeadOptions.DEFAULT.withRerank(9).withProbes(2).withSpecial(v == 1 ? List.of() : List.of(v - 1, 1));
        return switch (method) {
            case DENSE -> List.of(HeadOptions.DEFAULT);
            case SPHERICAL -> List.of(screen, HeadOptions.DEFAULT.with(HeadOptions.Search.CODEBOOK));
            case PQ -> List.of(screen, HeadOptions.DEFAULT.with(HeadOptions.Search.EXACT));
            default -> Arrays.asList(screen);
        };
    }
}
