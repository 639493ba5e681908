package dev.gust.runtime.catalog;

import dev.gust.runtime.device.DeviceId;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * One form of an operator.
 *
 * @param name short, as users meet it: a scheme, a type of block, a dtype
 * @param dtypes what its inputs are stored as
 * @param shapes what its shapes must satisfy; empty if nothing
 * @param tolerance largest RMSE(reference − result) / RMS(reference) against a float64 reference; 0 for bit for bit
 * @param support for each kind of device but auto, whether it runs there
 * @param forms ways in which it is computed, with the same result; empty if there is one
 * @param gradient whether the API differentiates it, on every device that runs it
 */
public record Variant(
        String name,
        String dtypes,
        String shapes,
        double tolerance,
        Map<DeviceId.Kind, Support> support,
        List<String> forms,
        boolean gradient) {
    /** One of a single form, without a gradient. */
    public Variant(String name, String dtypes, String shapes, double tolerance, Map<DeviceId.Kind, Support> support) {
        this(name, dtypes, shapes, tolerance, support, List.of(), false);
    }

    public Variant {
        var complete = new EnumMap<DeviceId.Kind, Support>(DeviceId.Kind.class);
        complete.putAll(support);
        for (DeviceId.Kind kind : DeviceId.Kind.values()) {
            if (kind != DeviceId.Kind.AUTO && !complete.containsKey(kind)) {
                throw new IllegalArgumentException("variant " + name + " says nothing about " + kind);
            }
        }
        support = Map.copyOf(complete);
        forms = List.copyOf(forms);
    }

    public Support on(DeviceId.Kind kind) {
        Support found = support.get(kind);
        if (found == null) {
            throw new IllegalArgumentException("nothing runs on " + kind + " as such");
        }
        return found;
    }
}
