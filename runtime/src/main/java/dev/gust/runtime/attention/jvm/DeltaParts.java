package dev.gust.runtime.attention.jvm;

/**
 * Which parts a delta step has, as far as loops differ.
 *
 * @param decaysChannels whether every channel decays by itself; otherwise all of a token's do alike, perhaps by 1
 * @param erases whether what a key reads is taken from the target
 * @param readsBefore whether o reads the state as it was before the step
 * @param normalizes whether q, k and e are divided by √(Σ x² + 10⁻⁶)
 */
public record DeltaParts(boolean decaysChannels, boolean erases, boolean readsBefore, boolean normalizes) {}
