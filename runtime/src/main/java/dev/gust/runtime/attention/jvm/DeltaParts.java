package dev.gust.runtime.attention.jvm;

/**
 * Which parts a delta step has, as far as loops differ.
 *
 * @param decaysChannels whether every channel decays by itself; otherwise all of a token's do alike, perhaps by 1
 * @param erases whether what a key reads is taken from the target
 * @param readsBefore whether o reads the state as it was before the step
 * @param bonus whether it also reads what the token writes, with e, which erases nothing then
 */
public record DeltaParts(boolean decaysChannels, boolean erases, boolean readsBefore, boolean bonus) {}
