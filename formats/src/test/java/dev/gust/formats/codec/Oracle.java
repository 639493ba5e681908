package dev.gust.formats.codec;

import java.util.TreeMap;

/**
 * Nearest-value rounding written from its definition: all finite values of a format in a table, the two around x
 * compared by their exact distances. Slow, and shares nothing with the code under test but the decoded table, which the
 * conformance vectors check.
 */
final class Oracle {
    private final FloatFormat format;
    private final TreeMap<Double, Integer> positive = new TreeMap<>();
    private final double spacingAtTop;

    Oracle(FloatFormat format) {
        this.format = format;
        for (int code = 0; code <= format.maxCode(); code++) {
            positive.put((double) format.decode(code), code);
        }
        spacingAtTop = positive.lastKey() - positive.lowerKey(positive.lastKey());
    }

    /** The code of x, which is not a NaN. */
    int encode(float x, boolean saturate) {
        boolean negative = Float.floatToRawIntBits(x) < 0;
        double magnitude = Math.abs((double) x);
        var low = positive.floorEntry(magnitude);
        var high = positive.ceilingEntry(magnitude);
        int code;
        if (high == null) {
            // Past the maximum: the next value of an unbounded format would lie one more spacing away.
            double beyond = positive.lastKey() + spacingAtTop;
            boolean maxIsEven = format.maxCode() % 2 == 0;
            double toMax = magnitude - positive.lastKey();
            boolean roundsToMax = toMax < beyond - magnitude || (toMax == beyond - magnitude && maxIsEven);
            if (!roundsToMax && !saturate) {
                switch (format.specials()) {
                    case IEEE -> {
                        return format.maxCode() + 1 + (negative ? format.signBit() : 0);
                    }
                    case FINITE_WITH_NAN -> {
                        return format.signBit() - 1 + (negative ? format.signBit() : 0);
                    }
                    case FNUZ -> {
                        return format.signBit();
                    }
                    case FINITE -> {}
                }
            }
            code = format.maxCode();
        } else {
            double down = magnitude - low.getKey();
            double up = high.getKey() - magnitude;
            boolean evenIsLow = low.getValue() % 2 == 0;
            code = down < up || (down == up && evenIsLow) ? low.getValue() : high.getValue();
        }
        boolean signed = negative && (code != 0 || format.specials() != FloatFormat.Specials.FNUZ);
        return signed ? code + format.signBit() : code;
    }
}
