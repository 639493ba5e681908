package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.codec.Rounding;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.cast.Cast;
import dev.gust.runtime.cast.CastPlan;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** {@code gust op cast}. */
final class CastRun {
    private CastRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        boolean decode =
                OpRun.choice(attributes, "direction", "encode", "decode").equals("decode");
        var cast = new Cast(
                dtype(attributes),
                decode ? Cast.Direction.DECODE : Cast.Direction.ENCODE,
                OpRun.choice(attributes, "saturate", "true", "false").equals("true"),
                rounding(attributes));
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        DType expected = decode ? cast.codeType() : DType.F32;
        if (x.dtype() != expected) {
            throw InputException.ofTensor(
                    source.location(),
                    x.name(),
                    "is " + x.dtype() + " where " + expected + " is wanted",
                    "store it so, or set direction");
        }
        Arena memory = Arena.ofShared();
        try (CastPlan plan = cast.prepare(device);
                Tensor input = source.open(x.name())) {
            var info = new TensorInfo("y", decode ? DType.F32 : cast.codeType(), x.shape());
            MemorySegment y = memory.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
            KernelTimes times = plan.run(input.data(), x.shape().elements(), y);
            return new OpRun.Result(
                    cast.dtype().name(),
                    x.shape() + (decode ? " codes" : " floats"),
                    List.of(Tensor.view(info, y)),
                    times,
                    memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static DType dtype(Map<String, String> attributes) {
        String name = attributes.getOrDefault("dtype", "");
        return DType.byName(name)
                .filter(Cast.TYPES::contains)
                .orElseThrow(() -> new UsageException(
                        name.isEmpty() ? "cast needs a dtype" : "nothing is cast to '" + name + "'",
                        "--set dtype= one of " + Cast.TYPES));
    }

    private static Rounding rounding(Map<String, String> attributes) {
        String seed = attributes.getOrDefault("seed", "0");
        try {
            return OpRun.choice(attributes, "rounding", "even", "stochastic").equals("even")
                    ? Rounding.EVEN
                    : new Rounding.Stochastic(Long.parseLong(seed));
        } catch (NumberFormatException e) {
            throw new UsageException("the seed '" + seed + "' is no whole number", "set one of 64 bits");
        }
    }
}
