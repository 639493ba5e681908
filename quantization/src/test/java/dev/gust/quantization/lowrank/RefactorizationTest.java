package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.quantization.lowrank.Refactorization.Adapter;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RefactorizationTest {
    private final Arena memory = Arena.ofShared();
    private final Device jvm = Devices.open(DeviceId.JVM);
    private final Refactorization refactorization =
            new Refactorization(new Decomposer(jvm, DenseAlgebra.best(), SvdOptions.DEFAULT, 1));
    private final Adapter adapter = new Adapter(Spectra.gaussian(1, 30, 4), Spectra.gaussian(2, 4, 21));

    @AfterEach
    void close() {
        jvm.close();
        memory.close();
    }

    private static Matrix update(Adapter adapter) {
        return Spectra.product(adapter.b(), adapter.a());
    }

    @Test
    void anAdapterGetsAnOrthonormalA() {
        Adapter orthonormal = refactorization.orthonormal(adapter);
        Spectra.assertOrthonormalRows(orthonormal.a(), 1e-12);
        assertThat(Spectra.norm(Spectra.minus(update(adapter), update(orthonormal))))
                .isLessThan(1e-11);
        // B = U·Σ: its columns are orthogonal, the longest first.
        Matrix columns = Spectra.transposed(orthonormal.b());
        assertThat(Spectra.dot(columns, 0, columns, 1)).isLessThan(1e-9);
        assertThat(Spectra.dot(columns, 0, columns, 0)).isGreaterThan(Spectra.dot(columns, 1, columns, 1));
    }

    @Test
    void anAdapterWhoseDirectionsDependStaysThatProduct() {
        Matrix b = Matrix.zeros(30, 4);
        for (int i = 0; i < 30; i++) {
            b.values()[i * 4] = i;
            b.values()[i * 4 + 1] = 2 * i;
        }
        var dependent = new Adapter(b, adapter.a());
        Adapter orthonormal = refactorization.orthonormal(dependent);
        Spectra.assertOrthonormalRows(orthonormal.a(), 1e-12);
        assertThat(Spectra.norm(Spectra.minus(update(dependent), update(orthonormal))))
                .isLessThan(1e-9);
    }

    @Test
    void whatIsMergedCanBeExtracted() {
        Matrix w = Spectra.gaussian(3, 30, 21);
        FloatMatrix base = Spectra.floats(w, memory);
        FloatMatrix tuned = refactorization.merge(base, adapter, 0.5, memory);
        Matrix update = update(adapter);
        for (int i = 0; i < w.values().length; i++) {
            assertThat(tuned.small().values()[i] - w.values()[i] - 0.5 * update.values()[i])
                    .isBetween(-5e-6, 5e-6);
        }
        Adapter extracted = refactorization.extract(base, tuned, 4);
        assertThat(extracted.a().rows()).isEqualTo(4);
        Matrix half = update.scaleRows(new double[30]);
        for (int i = 0; i < half.values().length; i++) {
            half.values()[i] = 0.5 * update.values()[i];
        }
        assertThat(Spectra.norm(Spectra.minus(half, update(extracted)))).isLessThan(1e-4);
    }

    @Test
    void refusesWhatDoesNotFit() {
        FloatMatrix base = Spectra.floats(Spectra.gaussian(3, 30, 21), memory);
        FloatMatrix other = Spectra.floats(Spectra.gaussian(3, 21, 30), memory);
        assertThatThrownBy(() -> refactorization.merge(other, adapter, 1, memory))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> refactorization.extract(base, other, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> refactorization.extract(base, base, 22)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Adapter(adapter.a(), adapter.b())).isInstanceOf(IllegalArgumentException.class);
    }
}
