package dev.gust.runtime.attention;

/** The gradients of a delta step made ready on a device. */
public interface DeltaBackwardPlan extends BackwardPlan<DeltaOperands, DeltaGradients> {}
