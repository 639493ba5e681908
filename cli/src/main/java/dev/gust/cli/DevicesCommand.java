package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.HostProcessor;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code gust devices}. */
@Command(
        name = "devices",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Lists the devices that can compute.")
final class DevicesCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Override
    public Integer call() {
        common.checkArguments();
        List<DeviceInfo> devices = Devices.list();
        if (common.json) {
            common.out().print(json(devices).toPrettyString() + "\n");
        } else if (!common.quiet) {
            print(devices);
        }
        return ExitCodes.DONE;
    }

    private static ObjectNode json(List<DeviceInfo> devices) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        ArrayNode array = root.putArray("devices");
        for (DeviceInfo device : devices) {
            ObjectNode node = array.addObject();
            node.put("id", device.id().toString());
            node.put("name", device.name());
            node.put("kind", device.kind());
            node.put("memory", device.memory());
            node.put("driver", device.driver());
            if (device.id().equals(DeviceId.JVM)) {
                node.put("threads", HostProcessor.detect().threads());
            }
            ArrayNode features = node.putArray("features");
            device.features().forEach(features::add);
            node.put("usable", device.unusable().isEmpty());
            device.unusable().ifPresent(why -> node.put("reason", why));
        }
        return root;
    }

    private void print(List<DeviceInfo> devices) {
        var table = new TextTable("id", "name", "kind", ">memory", "driver", "features");
        for (DeviceInfo device : devices) {
            table.row(
                    device.id().toString(),
                    device.name(),
                    device.kind(),
                    device.memory() == 0 ? "-" : Figures.bytes(device.memory()),
                    device.driver(),
                    device.features().isEmpty() ? "-" : String.join(", ", device.features()));
        }
        table.print(common.out());
        for (DeviceInfo device : devices) {
            device.unusable()
                    .ifPresent(why -> common.out().println(OneLine.of(device.id() + " cannot be used: " + why)));
        }
    }
}
