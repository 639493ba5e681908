package dev.gust.quantization.evaluation;

/**
 * How near the two vectors of one line are.
 *
 * @param line its place in the text, from 1
 * @param beginning its first characters, for people
 * @param tokens of it
 * @param cosine of the angle between the vectors
 */
public record SentenceCosine(long line, String beginning, int tokens, double cosine) {}
