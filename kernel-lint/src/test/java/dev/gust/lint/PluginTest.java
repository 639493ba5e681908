package dev.gust.lint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.lint.Probe.Finding;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Where the lint looks, what it says, and what it knows of several classes at once. */
class PluginTest {
    private static final String PLUGIN = "-Xplugin:GustKernelLint";

    /** The API of TornadoVM 5.2, as far as these tests need it. */
    private static final String NEW_CONTEXT = """
            package uk.ac.manchester.tornado.api;

            public class KernelContext {
                public float simdSum(float value) {
                    return value;
                }

                public byte[] allocateByteLocalArray(int size) {
                    return new byte[size];
                }
            }
            """;

    @Test
    void namesFileLineConstructAndReplacement() {
        assertThat(Probe.compile(Probe.statements("int value = x >>> 4; // refused")))
                .containsExactly(new Finding(
                        "/dev/gust/kernels/probe/Kernels.java",
                        14,
                        "kernel-lint unsigned-shift: `x >>> 4`: it is emitted as a signed shift; write instead: "
                                + "(x >> n) & mask, or (int) ((x & 0xffffffffL) >> n)"));
    }

    @Test
    void leavesOtherPackagesAlone() {
        String host = "package dev.gust.host; class Host { static int f(int x) { return x >>> 1; } }";
        String near = "package dev.gust.kernelsmith; class Near { static int f(int x) { return x >>> 1; } }";
        assertThat(Probe.compile(
                        Map.of("dev/gust/host/Host.java", host, "dev/gust/kernelsmith/Near.java", near), PLUGIN))
                .isEmpty();
    }

    @Test
    void looksIntoThePackagesItIsGiven() {
        String mine = "package com.example.device; class Mine { static int f(int x) { return x >>> 1; } }";
        assertThat(Probe.compile(Map.of("com/example/device/Mine.java", mine), PLUGIN + " com.example"))
                .hasSize(1);
    }

    @Test
    void looksIntoNestedClassesAndAllClassesOfAFile() {
        String source = """
                package dev.gust.kernels;

                class Outer {
                    static class Inner {
                        static int f(int x) {
                            return x >>> 1;
                        }
                    }
                }

                class Second {
                    static int f(int x) {
                        return x >>> 1;
                    }
                }
                """;
        assertThat(Probe.compile(Map.of("dev/gust/kernels/Outer.java", source), PLUGIN))
                .extracting(Finding::line)
                .containsExactlyInAnyOrder(6L, 13L);
    }

    @Test
    void findsRecursionOverSeveralClasses() {
        String even = """
                package dev.gust.kernels;

                final class Even {
                    static int even(int n) {
                        return n == 0 ? 1 : Odd.odd(n - 1);
                    }
                }
                """;
        String odd = """
                package dev.gust.kernels;

                final class Odd {
                    static int odd(int n) {
                        return n == 0 ? 0 : Even.even(n - 1);
                    }
                }
                """;
        assertThat(Probe.compile(Map.of("dev/gust/kernels/Even.java", even, "dev/gust/kernels/Odd.java", odd), PLUGIN))
                .singleElement()
                .satisfies(error -> assertThat(error.message()).startsWith("kernel-lint recursion: "));
    }

    @Test
    void methodsOfSomeBackendsBelongInSdkPackages() {
        assertThat(sdk("dev.gust.kernels.matmul"))
                .extracting(Finding::message)
                .satisfiesExactlyInAnyOrder(
                        message -> assertThat(message).startsWith("kernel-lint sdk-only: `context.simdSum(1.0F)`"),
                        message -> assertThat(message).startsWith("kernel-lint array-type: "));
        assertThat(sdk("dev.gust.kernels.sdk.matmul")).isEmpty();
    }

    private List<Finding> sdk(String packageName) {
        String kernel = """
                package %s;

                import uk.ac.manchester.tornado.api.KernelContext;

                final class Sums {
                    static void sums(KernelContext context) {
                        byte[] local = context.allocateByteLocalArray(16);
                        local[0] = (byte) context.simdSum(1.0f);
                    }
                }
                """.formatted(packageName);
        return Probe.compile(
                Map.of(
                        "uk/ac/manchester/tornado/api/KernelContext.java",
                        NEW_CONTEXT,
                        packageName.replace('.', '/') + "/Sums.java",
                        kernel),
                PLUGIN);
    }

    @Test
    void saysNothingOfItsOwnWhereTheCompilerFails() {
        assertThat(Probe.compile(Probe.statements("int value = nothing(x); float[] a = other;")))
                .hasSize(2)
                .noneSatisfy(error -> assertThat(error.message()).contains("kernel-lint"));
    }
}
