package dev.gust.lint;

import java.util.Locale;

/**
 * What a kernel may not contain. Each rule stands for something that TornadoVM 5.2.0 was seen to compile wrongly, to
 * refuse or never to finish; {@code docs/kernels.md} lists them by {@link #id}.
 */
public enum Rule {
    LABELLED_JUMP(
            "a jump to a label becomes a wrong or an endless loop",
            "a boolean flag that an if tests, and plain break or continue of the innermost loop"),
    RETURN_IN_LOOP(
            "a return inside a loop gives wrong results or an endless loop",
            "a result variable and break, and one return behind the loop"),
    COMPOUND_LOOP_CONDITION(
            "a loop condition with || becomes a wrong or an endless loop",
            "a boolean variable as the condition, which if statements set at the end of the body"),
    MULTIPLE_RETURNS(
            "a helper with several returns computes wrong results once inlined (CUDA)",
            "one result variable, if/else, and one return as the last statement"),
    ENHANCED_FOR(
            "it hides an iterator or a second reference to the array, neither tried on a device",
            "for (int i = 0; i < n; i++)"),
    EXCEPTION("devices have no exceptions", "a check on the host before the launch, or an int status that is stored"),
    LAMBDA("lambdas and method references cannot be compiled", "a static method, called by name"),
    SHARED_CASE(
            "labels that share a body and cases that fall through are dropped",
            "one label per body, each body ending in break, or if (x == 2 || x == 3)"),
    LONG_CHAIN(
            "12 or more tests of one int become case labels without a switch",
            "two chains of at most 11, one of them in an else branch of x < limit"),
    PARALLEL_NESTING(
            "only one to three perfectly nested @Parallel loops over an int become a range",
            "@Parallel loops whose body is nothing but the next @Parallel loop, at most three deep, with an int index"),
    REDUCE(
            "@Reduce is wrong for sizes that are no power of two and crashes for large ones",
            "a partial sum per group in local memory with KernelContext.localBarrier(), and a second kernel"),
    UNSIGNED_SHIFT("it is emitted as a signed shift", "(x >> n) & mask, or (int) ((x & 0xffffffffL) >> n)"),
    ZERO_POINT(
            "a difference of masked bits is converted as unsigned (CUDA: 4.29e9 instead of -8)",
            "the conversion before the subtraction: (float) q - 8.0f, (long) q - 8L"),
    SIGN_BIT(
            "it yields 0 instead of the sign bit (CUDA)",
            "a condition: (x & 1) == 0 ? 0 : 0x80000000 for a shift by 31, likewise for products and negations"),
    SQUARE_SHIFT("the shift of an int square is unsigned (CUDA)", "a product of longs: (int) (((long) x * x) >> n)"),
    SIGN_WRAP(
            "it becomes (x >> 31) & n, and PTX fills a shift with zeros",
            "the remainder of what is not negative: (x + n) % n"),
    NAN(
            "NaN is no word of OpenCL, and tests for it fold to false under relaxed math",
            "an int flag beside the value, or an infinity as the mark"),
    FLOAT_BITS(
            "bits are reinterpreted only in the very load or store of an array",
            "o.set(i, Float.intBitsToFloat(a.get(i))), or values from a table in a FloatArray"),
    HALF_FLOAT(
            "16-bit and 8-bit float types need a device and a backend that have them, and are wrong or refused elsewhere",
            "the bits in an IntArray and values from a table in a FloatArray"),
    LIBRARY_CALL(
            "the method is not among those that devices were seen to compute rightly", "TornadoMath or arithmetic"),
    LOCAL_ARRAY_ESCAPES(
            "a local array is indexed wrongly once it leaves the method that allocated it",
            "a helper that takes and returns scalars, or one that allocates the array itself"),
    LOCAL_ATOMIC("an atomic addition to a local array always hits element 0", "atomicAdd on an IntArray"),
    FLOAT_ATOMIC(
            "atomic additions of floats and doubles are refused by OpenCL",
            "partial sums in local memory, or atomicAdd on an IntArray or LongArray"),
    GLOBAL_BARRIER("globalBarrier() waits for the work-group only", "localBarrier(), or a second task"),
    SDK_ONLY(
            "the method exists on some backends only, and is an identity or refused elsewhere",
            "local memory and localBarrier(); code for tensor cores belongs in a package named sdk"),
    UNFILLED_ARRAY(
            "private arrays are not zeroed",
            "an initializer {...}, or at once for (int i = 0; i < size; i++) { a[i] = 0; }"),
    ARRAY_TYPE(
            "private and local arrays of this type are refused or hold wrong values",
            "an int, long, float or double array, with masks and shifts for smaller values"),
    ARRAY_2D("an array of arrays cannot be compiled", "a flat array: a[row * columns + column]"),
    ARRAY_SIZE(
            "devices have no arrays of variable length",
            "a constant or a scalar argument of the kernel, and a Gust constant for the group's size"),
    STATIC_TABLE(
            "static arrays and objects are not on the device", "a FloatArray or IntArray argument, or a private array"),
    MUTABLE_STATIC(
            "a static variable is read once, when the kernel is compiled",
            "a static final constant, or an element of an IntArray argument"),
    BOOLEAN_PARAMETER("a boolean argument is refused by the driver", "an int that is 0 or 1"),
    PARAMETER_COUNT("a task takes 15 arguments at most", "integers gathered in one IntArray, tables in one FloatArray"),
    OPENCL_NAME("the name is a word of OpenCL", "a name of your own, such as its operator's name in front"),
    RECURSION("recursion never finishes compiling", "a loop"),
    OBJECT(
            "objects and references are not for kernels",
            "scalars, private arrays, and TornadoVM's arrays as arguments"),
    STRING("devices have no strings", "an int code");

    private final String fault;
    private final String instead;

    Rule(String fault, String instead) {
        this.fault = fault;
        this.instead = instead;
    }

    /** The name in messages and in the documentation, such as {@code unsigned-shift}. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What goes wrong. */
    public String fault() {
        return fault;
    }

    /** What to write instead. */
    public String instead() {
        return instead;
    }
}
