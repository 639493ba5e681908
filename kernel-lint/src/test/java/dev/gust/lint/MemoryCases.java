package dev.gust.lint;

import static dev.gust.lint.RuleCase.members;
import static dev.gust.lint.RuleCase.statements;

import java.util.List;

/** Private and local arrays, static variables and objects. */
final class MemoryCases {
    private MemoryCases() {}

    static List<RuleCase> all() {
        return List.of(
                members(Rule.LOCAL_ARRAY_ESCAPES, """
                        static float first(float[] values) {
                            return values[0];
                        }

                        static float[] shared(KernelContext context) {
                            float[] values = context.allocateFloatLocalArray(SIZE);
                            return values; // refused
                        }

                        static void passed(KernelContext context, FloatArray y, int n) {
                            float[] values = context.allocateFloatLocalArray(SIZE);
                            float[] same = values;
                            float[] mine = {1.0f};
                            values[0] = 1.0f;
                            y.set(0, first(values)); // refused
                            y.set(1, first(same)); // refused
                            y.set(2, first(n > 0 ? values : mine)); // refused
                            y.set(3, first(context.allocateFloatLocalArray(SIZE))); // refused
                            mine = values; // refused
                        }""", """
                        static float first(float[] values) {
                            return values[0];
                        }

                        static float sumOfGroup(KernelContext context, float value) {
                            float[] values = context.allocateFloatLocalArray(SIZE);
                            values[context.localIdx] = value;
                            context.localBarrier();
                            return values[0];
                        }

                        static void kept(KernelContext context, FloatArray y) {
                            float[] mine = {1.0f};
                            y.set(0, sumOfGroup(context, first(mine)));
                        }"""),
                statements(Rule.UNFILLED_ARRAY, """
                        float[] sums = new float[SIZE]; // refused
                        floats.set(0, sums[0]);""", """
                        float[] sums = new float[SIZE];
                        float[] known = {1.0f, 2.0f};
                        int unrelated = x;
                        for (int i = 0; i < SIZE; i++) {
                            sums[i] = 0.0f;
                        }
                        floats.set(0, sums[0] + known[x]);"""),
                statements(Rule.UNFILLED_ARRAY, """
                        float[] late = new float[SIZE]; // refused
                        for (int i = 1; i < SIZE; i++) {
                            late[i] = 0.0f;
                        }
                        float[] part = new float[SIZE]; // refused
                        for (int i = 0; i < n; i++) {
                            part[i] = 0.0f;
                        }
                        float[] strided = new float[SIZE]; // refused
                        for (int i = 0; i < SIZE; i += 2) {
                            strided[i] = 0.0f;
                        }
                        float[] read = new float[SIZE]; // refused
                        for (int i = 0; i < SIZE; i++) {
                            read[i] = read[0] + 1.0f;
                        }
                        float[] added = new float[SIZE]; // refused
                        for (int i = 0; i < SIZE; i++) {
                            added[i] += 1.0f;
                        }
                        float[] left = new float[SIZE]; // refused
                        for (int i = 0; i < SIZE; i++) {
                            if (i == x) {
                                break;
                            }
                            left[i] = 1.0f;
                        }
                        float[] shifted = new float[SIZE]; // refused
                        for (int i = 0; i < SIZE; i++) {
                            shifted[i ^ 1] = 1.0f;
                        }
                        float[] again = {1.0f};
                        again = new float[SIZE]; // refused""", """
                        float[] a = new float[2 * SIZE];
                        for (int i = 0; i < 2 * SIZE; i++) {
                            a[i] = floats.get(i);
                        }
                        int[] b = new int[n];
                        for (int i = 0; i < n; ++i) b[i] = i;
                        long[] c = new long[SIZE];
                        for (int i = 0; i < c.length; i++) {
                            long square = (long) i * i;
                            c[i] = square;
                            c[i] += 1L;
                        }
                        double[] unused = new double[SIZE];"""),
                statements(Rule.ARRAY_TYPE, """
                        byte[] small = {1, 2}; // refused
                        short[] shorts = new short[SIZE]; // refused
                        boolean[] flags = {true}; // refused""", """
                        int[] small = {1, 2};
                        int value = (small[x] << 24) >> 24;
                        double[] wide = {1.0};
                        int[] local = context.allocateIntLocalArray(SIZE);
                        local[0] = value;"""),
                statements(Rule.ARRAY_2D, """
                        float[][] tile = new float[2][4]; // refused
                        float[][] rows = {{1.0f}, {2.0f}}; // refused
                        int[][] ragged = new int[2][]; // refused""", """
                        float[] tile = new float[2 * 4];
                        for (int i = 0; i < 2 * 4; i++) {
                            tile[i] = 0.0f;
                        }
                        floats.set(0, tile[x * 4 + y]);"""),
                statements(Rule.ARRAY_SIZE, """
                        float[] part = context.allocateFloatLocalArray(context.localGroupSizeX); // refused
                        int width = context.localGroupSizeX;
                        float[] other = context.allocateFloatLocalArray(width + 1); // refused
                        int[] mine = new int[ints.get(0)]; // refused
                        for (int i = 0; i < mine.length; i++) {
                            mine[i] = 0;
                        }""", """
                        int width = SIZE * 2;
                        float[] part = context.allocateFloatLocalArray(SIZE);
                        float[] other = context.allocateFloatLocalArray(width + n);
                        int[] mine = new int[n];
                        for (int i = 0; i < n; i++) {
                            mine[i] = 0;
                        }"""),
                members(Rule.STATIC_TABLE, """
                        static final float[] TABLE = {1.0f, 2.0f};
                        static final IntArray ARRAY = new IntArray(4);

                        static float looked(IntArray ints) {
                            return TABLE[ints.get(0)] // refused
                                    + ARRAY.get(0); // refused
                        }""", """
                        static final float FIRST = 1.0f;

                        static float looked(IntArray ints, FloatArray table) {
                            float[] mine = {FIRST, 2.0f};
                            return table.get(ints.get(0)) + mine[ints.get(1)];
                        }"""),
                members(Rule.MUTABLE_STATIC, """
                        static int count = 4;

                        static int counted(int x) {
                            return x + count // refused
                                    + Kernels.count; // refused
                        }""", """
                        static final int COUNT = 4;

                        static int counted(IntArray shape, int x) {
                            return x + COUNT + Kernels.COUNT + shape.get(0);
                        }"""),
                members(Rule.OBJECT, """
                        record Pair(int a, int b) {}

                        enum Kind { ONE }

                        static int paired(int x, IntArray ints) {
                            Object pair = // refused
                                    new Pair(x, x); // refused
                            boolean is = pair instanceof Pair; // refused
                            class Local {} // refused
                            Integer boxed = x; // refused
                            pair = null; // refused
                            IntArray array = ints;
                            synchronized (array) { // refused
                                ints.set(0, x);
                            }
                            return x + (Integer) boxed; // refused
                        }

                        static int chosen(Kind kind, int x) { // refused
                            return switch (kind) { default -> x; }; // refused
                        }""", """
                        static int paired(int x) {
                            int a = x;
                            int b = x;
                            return a + b;
                        }

                        static float vector(FloatArray x) {
                            Float4 v = new Float4(1.0f, 2.0f, 3.0f, 4.0f);
                            return v.getX() + Float4.dot(v, v);
                        }

                        static int chosen(int kind, int x) {
                            return switch (kind) {
                                case 1 -> x;
                                default -> 0;
                            };
                        }"""));
    }
}
