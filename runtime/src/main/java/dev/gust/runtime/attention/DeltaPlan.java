package dev.gust.runtime.attention;

/** A delta step made ready on a device. */
public interface DeltaPlan extends StatePlan<DeltaOperands> {}
