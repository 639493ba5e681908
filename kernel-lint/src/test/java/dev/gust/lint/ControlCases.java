package dev.gust.lint;

import static dev.gust.lint.RuleCase.members;
import static dev.gust.lint.RuleCase.statements;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Loops, jumps, branches, names and parameters. */
final class ControlCases {
    private ControlCases() {}

    static List<RuleCase> all() {
        return List.of(
                statements(Rule.LABELLED_JUMP, """
                        int count = 0;
                        outer:
                        for (int i = 0; i < x; i++) {
                            for (int j = 0; j < y; j++) {
                                if (ints.get(j) == i) {
                                    break outer; // refused
                                }
                                if (ints.get(j) > i) {
                                    continue outer; // refused
                                }
                                count++;
                            }
                        }
                        ints.set(0, count);""", """
                        int count = 0;
                        int on = 1;
                        for (int i = 0; i < x; i++) {
                            for (int j = 0; j < y; j++) {
                                if (ints.get(j) == i) {
                                    on = 0;
                                    break;
                                }
                                if (ints.get(j) > i) {
                                    break;
                                }
                                count++;
                            }
                            if (on == 0) {
                                break;
                            }
                        }
                        ints.set(0, count);"""),
                members(Rule.RETURN_IN_LOOP, """
                        static int firstZero(IntArray ints, int n) {
                            for (int i = 0; i < n; i++) {
                                if (ints.get(i) == 0) {
                                    return i; // refused
                                }
                            }
                            return -1;
                        }""", """
                        static int firstZero(IntArray ints, int n) {
                            int found = -1;
                            for (int i = 0; i < n; i++) {
                                if (ints.get(i) == 0) {
                                    found = i;
                                    break;
                                }
                            }
                            return found;
                        }"""),
                statements(Rule.RETURN_IN_LOOP, """
                        int i = 0;
                        while (i < n) {
                            if (ints.get(i) == 0) {
                                return; // refused
                            }
                            i++;
                        }
                        do {
                            if (i == x) return; // refused
                            i--;
                        } while (i > 0);""", """
                        if (context.globalIdx >= n) {
                            return;
                        }
                        int i = 0;
                        while (i < n) {
                            if (ints.get(i) == 0) {
                                break;
                            }
                            i++;
                        }"""),
                statements(Rule.COMPOUND_LOOP_CONDITION, """
                        int i = 0;
                        while (i < 3 || (i < n && ints.get(i) > 0)) { // refused
                            i++;
                        }
                        for (int j = 0; j < x || j < y; j++) { // refused
                            i += j;
                        }
                        do {
                            i--;
                        } while (i > x || i > y); // refused
                        ints.set(0, i);""", """
                        int i = 0;
                        boolean more = true;
                        while (more) {
                            i++;
                            more = i < 3;
                            if (i < n && ints.get(i) > 0) {
                                more = true;
                            }
                        }
                        ints.set(0, i);"""),
                members(Rule.MULTIPLE_RETURNS, """
                        static int signOf(int x) {
                            if (x < 0) {
                                return -1; // refused
                            }
                            return 1;
                        }""", """
                        static int signOf(int x) {
                            int sign = 1;
                            if (x < 0) {
                                sign = -1;
                            }
                            return sign;
                        }"""),
                members(Rule.MULTIPLE_RETURNS, """
                        static void store(KernelContext context, IntArray ints, int n) {
                            if (context.globalIdx >= n) {
                                return; // refused
                            }
                            ints.set(context.globalIdx, n);
                        }

                        static void storeTwice(KernelContext context, IntArray ints, int n) {
                            store(context, ints, n);
                            store(context, ints, n + 1);
                        }""", """
                        static void store(KernelContext context, IntArray ints, int n) {
                            if (context.globalIdx < n) {
                                ints.set(context.globalIdx, n);
                            }
                        }

                        static void storeTwice(KernelContext context, IntArray ints, int n) {
                            if (n == 0) {
                                return;
                            }
                            store(context, ints, n);
                            store(context, ints, n + 1);
                        }"""),
                statements(Rule.ENHANCED_FOR, """
                        int[] pair = {x, y};
                        int sum = 0;
                        for (int element : pair) { // refused
                            sum += element;
                        }
                        ints.set(0, sum);""", """
                        int[] pair = {x, y};
                        int sum = 0;
                        for (int i = 0; i < 2; i++) {
                            sum += pair[i];
                        }
                        ints.set(0, sum);"""),
                statements(Rule.EXCEPTION, """
                        if (y == 0) {
                            throw null; // refused
                        }
                        assert y > 0; // refused
                        try { // refused
                            ints.set(0, x / y);
                        } finally {
                            ints.set(1, 1);
                        }""", """
                        int status = 0;
                        if (y == 0) {
                            status = 1;
                        } else {
                            ints.set(0, x / y);
                        }
                        ints.set(1, status);"""),
                members(Rule.LAMBDA, """
                        interface Unary {
                            int of(int x);
                        }

                        static native int apply(Unary function, int x);

                        static int twice(int x) {
                            return x + x;
                        }

                        static void doubled(IntArray ints) {
                            ints.set(0, apply(x -> x + x, 1)); // refused
                            ints.set(1, apply(Kernels::twice, 1)); // refused
                        }""", """
                        static int twice(int x) {
                            return x + x;
                        }

                        static void doubled(IntArray ints) {
                            ints.set(0, twice(ints.get(0)));
                        }"""),
                statements(Rule.SHARED_CASE, """
                        int r = 0;
                        switch (x) {
                            case 1: // refused
                            case 2:
                                r = 5;
                                break;
                            case 3, 4: // refused
                                r = 6;
                                break;
                            case 5: // refused
                                r = 7;
                            default:
                                r++;
                        }
                        int s = switch (y) {
                            case 1, 2 -> 3; // refused
                            default -> 4;
                        };
                        ints.set(0, r + s);""", """
                        int r = 0;
                        switch (x) {
                            case 1:
                                r = 5;
                                break;
                            case 2: {
                                r = 5;
                                break;
                            }
                            default:
                                r++;
                        }
                        if (x == 3 || x == 4) {
                            r = 6;
                        }
                        int s = switch (y) {
                            case 1 -> 3;
                            default -> 4;
                        };
                        ints.set(0, r + s);"""),
                statements(
                        Rule.LONG_CHAIN,
                        "if (x == 0) { ints.set(0, 0); } // refused\n" + tests(1, 12),
                        "if (x < 11) {\n if (x == 0) { ints.set(0, 0); }\n" + tests(1, 11) + "\n} else {\n"
                                + "if (x == 11) { ints.set(0, 11); }\n" + tests(12, 22) + "\n}"),
                statements(
                        Rule.LONG_CHAIN,
                        "switch (x) { // refused\n" + cases(12) + "\ndefault: ints.set(0, 0);\n}",
                        "switch (x) {\n" + cases(11) + "\ndefault: ints.set(0, 0);\n}"),
                members(Rule.PARALLEL_NESTING, """
                        static void uneven(IntArray ints, int n) {
                            for (@Parallel int i = 0; i < n; i++) {
                                int first = i * n;
                                for (@Parallel int j = 0; j < n; j++) { // refused
                                    ints.set(first + j, i);
                                }
                            }
                        }

                        static void sandwich(IntArray ints, int n) {
                            for (@Parallel int i = 0; i < n; i++) {
                                for (int k = 0; k < n; k++) {
                                    for (@Parallel int j = 0; j < n; j++) { // refused
                                        ints.set(i * n + j, k);
                                    }
                                }
                            }
                        }

                        static void deep(IntArray ints, int n) {
                            for (@Parallel int i = 0; i < n; i++) {
                                for (@Parallel int j = 0; j < n; j++) {
                                    for (@Parallel int k = 0; k < n; k++) {
                                        for (@Parallel int l = 0; l < n; l++) { // refused
                                            ints.set(((i * n + j) * n + k) * n + l, i);
                                        }
                                    }
                                }
                            }
                        }

                        static void wide(IntArray ints, int n) {
                            for (@Parallel long i = 0; i < n; i++) { // refused
                                ints.set((int) i, 1);
                            }
                        }""", """
                        static void even(IntArray ints, int n) {
                            for (@Parallel int i = 0; i < n; i++) {
                                for (@Parallel int j = 0; j < n; j++) {
                                    for (@Parallel int k = 0; k < n; k++) {
                                        int first = i * n * n;
                                        ints.set(first + j * n + k, i);
                                    }
                                }
                            }
                            for (@Parallel int i = 1; i <= n; i += 2) {
                                ints.set(i, 0);
                            }
                            for (int k = 0; k < n; k++) {
                                for (@Parallel int j = 0; j < n; j++) {
                                    ints.set(j, k);
                                }
                            }
                        }"""),
                members(Rule.REDUCE, """
                        static void total(
                                FloatArray x,
                                @Reduce FloatArray sum) { // refused
                            for (@Parallel int i = 0; i < 8; i++) {
                                sum.set(0, sum.get(0) + x.get(i));
                            }
                        }""", """
                        static void total(KernelContext context, FloatArray x, FloatArray sums) {
                            int lane = context.localIdx;
                            float[] part = context.allocateFloatLocalArray(SIZE);
                            part[lane] = x.get(context.globalIdx);
                            for (int stride = SIZE / 2; stride > 0; stride >>= 1) {
                                context.localBarrier();
                                if (lane < stride) {
                                    part[lane] += part[lane + stride];
                                }
                            }
                            if (lane == 0) {
                                sums.set(context.groupIdx, part[0]);
                            }
                        }"""),
                members(Rule.BOOLEAN_PARAMETER, """
                        static void scaled(
                                KernelContext context,
                                FloatArray x,
                                boolean twice) { // refused
                            x.set(0, twice ? 2.0f : 1.0f);
                        }""", """
                        static float factor(boolean twice) {
                            return twice ? 2.0f : 1.0f;
                        }

                        static void scaled(KernelContext context, FloatArray x, int twice) {
                            x.set(0, factor(twice != 0));
                        }"""),
                members(Rule.PARAMETER_COUNT, """
                        static void many(KernelContext context, IntArray a, int b, int c, int d, int e, int f, // refused
                                int g, int h, int i, int j, int k, int l, int m, int n, int o) {
                            a.set(0, b + c + d + e + f + g + h + i + j + k + l + m + n + o);
                        }""", """
                        static void many(KernelContext context, IntArray a, IntArray shape, int d, int e, int f,
                                int g, int h, int i, int j, int k, int l, int m, int n) {
                            a.set(0, shape.get(0) + shape.get(1) + d + e + f + g + h + i + j + k + l + m + n);
                        }"""),
                members(Rule.OPENCL_NAME, """
                        static int dot(IntArray a, IntArray b) { // refused
                            return a.get(0) * b.get(0);
                        }

                        static float half(float x) { // refused
                            return x * 0.5f;
                        }""", """
                        static int dotProduct(IntArray a, IntArray b) {
                            return a.get(0) * b.get(0);
                        }

                        static float halved(float x) {
                            return x * 0.5f;
                        }"""),
                members(Rule.RECURSION, """
                        static int factorial(int n) {
                            int product = 1;
                            if (n > 1) {
                                product = n * factorial(n - 1); // refused
                            }
                            return product;
                        }

                        static int even(int n) {
                            return n == 0 ? 1 : odd(n - 1); // refused
                        }

                        static int odd(int n) {
                            return n == 0 ? 0 : even(n - 1); // refused
                        }""", """
                        static int factorial(int n) {
                            int product = 1;
                            for (int i = 2; i <= n; i++) {
                                product *= i;
                            }
                            return product;
                        }"""));
    }

    private static String tests(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> "else if (x == " + i + ") { ints.set(0, " + i + "); }")
                .collect(Collectors.joining("\n"));
    }

    private static String cases(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "case " + i + ": ints.set(0, " + (i + 1) + "); break;")
                .collect(Collectors.joining("\n"));
    }
}
