package dev.gust.runtime.layer;

import java.lang.foreign.MemorySegment;

/**
 * What a layer's projections give for one token of some sequences, a row to each: float32, little-endian.
 *
 * @param qkv [rows, C]: q [H, K], k [H, K] and v [HV, V], as they come to the convolution
 * @param a [rows, HV] or [rows, HV, K]: what decays are made of
 * @param b [rows, HV]: what write strengths are made of
 * @param gate [rows, HV, V]: what the output's gate is made of
 */
public record LayerInputs(MemorySegment qkv, MemorySegment a, MemorySegment b, MemorySegment gate) {}
