package dev.gust.runtime.tornado;

import dev.gust.kernels.copy.PortableCopy;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoExecutionResult;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A graph that replaces what the plan's first one keeps on the device. TornadoVM uploads what is kept at a plan's first
 * execution and offers nothing to do so again; but a second graph can take arrays over from the first, as they lie on the
 * device, and copy into them from arrays of its own that are transferred every time. The first graph is none the wiser: it
 * has neither a task nor a transfer more. Long arrays go through in pieces.
 *
 * <p>There is one such graph to a plan, whatever it replaces: TornadoVM 5.2.0 finds what a graph takes over only if the graph
 * that keeps it, or itself, was the one executed before (its #768).
 */
record PutGraph(List<Put> puts) {
    /** Its place among the graphs of a plan. */
    static final int INDEX = 1;

    /** Elements of a piece: 4 MiB, so that large states do not take their room twice. */
    private static final int PIECE = 1 << 20;

    /**
     * What replaces one array.
     *
     * @param target the host's array
     * @param piece what is transferred
     * @param place see {@link PortableCopy}
     */
    private record Put(FloatArray target, FloatArray piece, IntArray place) {}

    static PutGraph of(List<FloatArray> targets) {
        return new PutGraph(targets.stream()
                .map(target -> {
                    var place = new IntArray(PortableCopy.PLACE);
                    place.init(0);
                    return new Put(target, new FloatArray(pieceElements(target)), place);
                })
                .toList());
    }

    /** Bytes that it takes on the device beside an array itself. */
    static long bytes(FloatArray target) {
        return (long) pieceElements(target) * Float.BYTES;
    }

    private static int pieceElements(FloatArray target) {
        return Math.min(PIECE, target.getSize());
    }

    /** The graph, which takes arrays over from another of that name. */
    ImmutableTaskGraph behind(String keeper) {
        var graph = new TaskGraph(keeper + "Put");
        for (Put put : puts) {
            graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, put.piece, put.place);
        }
        graph.consumeFromDevice(keeper, puts.stream().map(Put::target).toArray());
        for (int i = 0; i < puts.size(); i++) {
            Put put = puts.get(i);
            graph.task("put" + i, PortableCopy::putPortable, put.piece, put.place, put.target, put.piece.getSize());
        }
        return graph.snapshot();
    }

    /**
     * Puts the first elements of a host's array in their place, if the graph that keeps it was executed before.
     *
     * @return the last execution's result
     */
    Optional<TornadoExecutionResult> execute(TornadoExecutionPlan plan, FloatArray target, int elements) {
        Optional<TornadoExecutionResult> last = Optional.empty();
        for (Put put : puts) {
            int size = put.piece.getSize();
            for (int first = 0; put.target == target && first < elements; first += size) {
                int count = Math.min(size, elements - first);
                long from = (long) first * Float.BYTES;
                MemorySegment.copy(target.getSegment(), from, put.piece.getSegment(), 0, (long) count * Float.BYTES);
                put.place.set(PortableCopy.FIRST, first);
                put.place.set(PortableCopy.COUNT, count);
                last = Optional.of(plan.withGraph(INDEX).execute());
            }
            put.place.set(PortableCopy.COUNT, 0);
        }
        return last;
    }
}
