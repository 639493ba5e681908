package dev.gust.lint;

import java.util.Set;

/**
 * Words that the text of a kernel must not take as its name or a helper's: keywords, types and built-in functions of
 * OpenCL C (Khronos, OpenCL C 1.2 specification, 6.1, 6.9 and 6.12) and of C. A kernel compiled for the other backends
 * keeps to them too, so that it compiles everywhere.
 */
final class OpenClNames {
    private static final Set<String> WORDS = Set.of("""
            auto break case char const continue default do double else enum extern float for
            goto half if inline int long register restrict return short signed sizeof static struct
            switch typedef union unsigned void volatile while bool
            kernel global local constant private generic pipe uniform read_only write_only read_write
            __kernel __global __local __constant __private event_t sampler_t image1d_t image2d_t image3d_t size_t ptrdiff_t intptr_t uintptr_t
            uchar ushort uint ulong quad complex imaginary
            get_work_dim get_global_size get_global_id get_local_size get_local_id get_num_groups get_group_id get_global_offset
            barrier mem_fence read_mem_fence write_mem_fence prefetch async_work_group_copy wait_group_events printf main
            acos acosh acospi asin asinh asinpi atan atan2 atanh atanpi atan2pi cbrt ceil copysign
            cos cosh cospi erf erfc exp exp2 exp10 expm1 fabs fdim floor fma fmax
            fmin fmod fract frexp hypot ilogb ldexp lgamma lgamma_r log log2 log10 log1p logb
            mad maxmag minmag modf nan nextafter pow pown powr remainder remquo rint rootn round
            rsqrt sin sincos sinh sinpi sqrt tan tanh tanpi tgamma trunc
            native_cos native_divide native_exp native_exp2 native_exp10 native_log native_log2 native_log10 native_powr native_recip native_rsqrt native_sin native_sqrt native_tan
            abs abs_diff add_sat hadd rhadd clamp clz ctz mad24 mad_hi mad_sat max min mul24
            mul_hi rotate sub_sat upsample popcount
            degrees mix radians step smoothstep sign cross dot distance length normalize fast_distance fast_length fast_normalize
            isequal isnotequal isgreater isgreaterequal isless islessequal islessgreater isfinite isinf isnan isnormal isordered isunordered signbit
            any all bitselect select shuffle shuffle2
            atomic_add atomic_sub atomic_xchg atomic_inc atomic_dec atomic_cmpxchg atomic_min atomic_max atomic_and atomic_or atomic_xor atom_add atom_sub atom_inc
            atom_dec atom_xchg atom_cmpxchg
            vload2 vload3 vload4 vload8 vload16 vload_half vstore2 vstore3 vstore4 vstore8 vstore16 vstore_half
            as_int as_uint as_float as_long as_double convert_int convert_uint convert_float convert_char convert_uchar convert_half
            """.strip().split("\\s+"));

    private OpenClNames() {}

    static boolean contains(String name) {
        return WORDS.contains(name);
    }
}
