package dev.gust.runtime.attention.jvm;

/** How a block of tokens passes over a head's state; it has scratch, which is one thread's. */
public interface BlockStep {
    /**
     * Moves some panels of the state on by the block's tokens and leaves what they read in the block. What the block brings is
     * used up.
     */
    void run(TokenBlock block, float[] state, int firstPanel, int endPanel);
}
