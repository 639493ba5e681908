package dev.gust.runtime.logits;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A head made ready on one device; what it reads stays there until the plan is closed. Safe to use from many threads. */
public interface HeadPlan extends AutoCloseable {
    /**
     * The k tokens of highest logit for each hidden state, in descending order; of equal logits the lower id is first. After
     * a screen the logits are exact and the tokens are those that the screen found: see {@link HeadOptions.Search}.
     *
     * @param h float32 [M, D]
     * @param m M, at least 0
     * @param k tokens, 1 to V
     * @param ids receives int32 [M, k]
     * @param logits receives float32 [M, k]
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws UsageException if k is not in range
     * @throws InputException if h is not finite
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes top(MemorySegment h, int m, int k, MemorySegment ids, MemorySegment logits);

    /**
     * A logit for every token: exact where every row is multiplied; the centroid's for {@link
     * HeadOptions.Search#CODEBOOK}; minus infinity outside the clusters that were probed; and the screen's for all tokens
     * but those that are multiplied exactly after one.
     *
     * @param logits receives float32 [M, V]
     * @see #top for the other parameters and the errors
     */
    KernelTimes logits(MemorySegment h, int m, MemorySegment logits);

    @Override
    void close();
}
