package dev.gust.runtime.tornado;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/**
 * What TornadoVM can do on a device that matters here, as far as it tells: a feature that is not named may be there.
 *
 * <p>Half precision: OpenCL has it as the extension cl_khr_fp16, the compilers for PTX, CUDA and Metal always. Tensor
 * cores: TornadoVM's matrix operations compile to PTX and CUDA from compute capability 8.0. FP8: its conversions compile
 * to CUDA only, from 8.9.
 */
final class TornadoFeatures {
    private static final Pattern CUDA_VERSION = Pattern.compile("Device version\\s*: CUDA (\\d+)\\.(\\d+)");

    private TornadoFeatures() {}

    static List<String> of(TornadoDevice device) {
        var features = new ArrayList<String>();
        String backend = device.getTornadoVMBackend().name();
        String info = String.valueOf(device.getPhysicalDevice().getDeviceInfo());
        // Names, since the API that this compiles with lacks the newer backends.
        switch (backend) {
            case "OPENCL" -> {
                if (info.contains("cl_khr_fp16")) {
                    features.add("fp16");
                }
            }
            case "PTX" -> {
                features.add("fp16");
                if (ptxCapability(device.getPhysicalDevice()) >= 80) {
                    features.add("tensor-cores");
                }
            }
            case "CUDA" -> {
                features.add("fp16");
                int capability = cudaCapability(info);
                if (capability >= 89) {
                    features.add("fp8");
                }
                if (capability >= 80) {
                    features.add("tensor-cores");
                }
            }
            case "METAL" -> features.add("fp16");
            default -> {}
        }
        return features;
    }

    /** Ten times major plus minor, as in sm_89; 0 if it is not told. */
    static int cudaCapability(String info) {
        Matcher version = CUDA_VERSION.matcher(info);
        return version.find() ? 10 * Integer.parseInt(version.group(1)) + Integer.parseInt(version.group(2)) : 0;
    }

    /** The same of a PTX device, which tells it in a method of its own only. */
    private static int ptxCapability(Object device) {
        try {
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            Class<?> type = device.getClass();
            Class<?> capability = Class.forName(
                    "uk.ac.manchester.tornado.drivers.ptx.CUDAComputeCapability", false, type.getClassLoader());
            Object found = lookup.findVirtual(type, "getComputeCapability", MethodType.methodType(capability))
                    .invoke(device);
            MethodType number = MethodType.methodType(int.class);
            int major = (int) lookup.findVirtual(capability, "getMajor", number).invoke(found);
            int minor = (int) lookup.findVirtual(capability, "getMinor", number).invoke(found);
            return 10 * major + minor;
        } catch (Throwable e) { // another version of the SDK
            return 0;
        }
    }
}
