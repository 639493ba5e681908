package dev.gust.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
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
        HostProcessor host = HostProcessor.detect();
        if (common.json) {
            ObjectNode root = JsonNodeFactory.instance.objectNode();
            ObjectNode device = root.putArray("devices").addObject();
            device.put("id", "jvm");
            device.put("name", host.name());
            device.put("kind", "cpu");
            device.put("memory", host.memory());
            device.put("driver", host.driver());
            device.put("threads", host.threads());
            device.putArray("features");
            device.put("usable", true);
            common.out().print(root.toPrettyString() + "\n");
            return ExitCodes.DONE;
        }
        if (common.quiet) {
            return ExitCodes.DONE;
        }
        var table = new TextTable("id", "name", "kind", ">memory", "driver", "features");
        table.row("jvm", host.name(), "cpu", Figures.bytes(host.memory()), host.driver(), "-");
        table.print(common.out());
        return ExitCodes.DONE;
    }
}
