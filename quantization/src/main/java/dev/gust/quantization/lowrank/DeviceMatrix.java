package dev.gust.quantization.lowrank;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A matrix W [M, N] on a device, to multiply blocks of rows by Wᵀ or by W there, in float32. */
final class DeviceMatrix implements AutoCloseable {
    private final int m;
    private final int n;
    private final Arena memory = Arena.ofShared();
    private final MatmulPlan byTranspose;
    private final MatmulPlan byMatrix;

    /** Takes W and its transpose to the device. */
    DeviceMatrix(Device device, FloatMatrix matrix, int threads) {
        m = matrix.rows();
        n = matrix.columns();
        MatmulPlan first;
        try {
            first = plan(device, matrix, threads);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
        byTranspose = first;
        try {
            byMatrix = plan(device, matrix.transposed(memory), threads);
        } catch (RuntimeException | Error e) {
            first.close();
            memory.close();
            throw e;
        }
    }

    private static MatmulPlan plan(Device device, FloatMatrix matrix, int threads) {
        var weight = new LinearWeight(
                "W",
                matrix.rows(),
                matrix.columns(),
                new WeightFormat.Plain(DType.F32),
                matrix.values(),
                MemorySegment.NULL,
                1);
        return QuantizedMatmul.prepare(device, weight, MatmulOptions.DEFAULT.withThreads(threads));
    }

    /** X · Wᵀ [l, M] for X [l, N]. */
    Matrix timesTranspose(Matrix x) {
        return multiply(byTranspose, x, m);
    }

    /** X · W [l, N] for X [l, M]. */
    Matrix timesMatrix(Matrix x) {
        return multiply(byMatrix, x, n);
    }

    private static Matrix multiply(MatmulPlan plan, Matrix x, int columns) {
        try (Arena arena = Arena.ofShared()) {
            FloatMatrix in = FloatMatrix.of(x, arena);
            FloatMatrix out = FloatMatrix.allocate(x.rows(), columns, arena);
            plan.multiply(in.values(), x.rows(), out.values());
            return out.small();
        }
    }

    /** left · rightᵀ on a device, [m, n] for [m, k] and [n, k]. */
    static FloatMatrix product(Device device, FloatMatrix left, FloatMatrix right, int threads, Arena memory) {
        FloatMatrix product = FloatMatrix.allocate(left.rows(), right.rows(), memory);
        try (MatmulPlan plan = plan(device, right, threads)) {
            plan.multiply(left.values(), left.rows(), product.values());
        }
        return product;
    }

    @Override
    public void close() {
        byTranspose.close();
        byMatrix.close();
        memory.close();
    }
}
