package dev.gust.runtime.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;

/** A kernel with its arguments. */
public interface Kernel {
    /**
     * Runs it as plain Java: a portable kernel from beginning to end, a tuned one as the work-item that the context says.
     * Calls one static method, the kernel, and does nothing else: the emulator takes the call apart.
     *
     * @param context who is running; portable kernels ignore it
     */
    void run(KernelContext context);

    /**
     * Adds it to a graph of TornadoVM, with the same arguments.
     *
     * @param task its name within the graph
     * @param context what TornadoVM replaces by the work-item's own; portable kernels ignore it
     */
    TaskGraph addTo(TaskGraph graph, String task, KernelContext context);
}
