package dev.gust.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ParameterException;

/** Sizes as users write them. */
final class Sizes {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,15})\\s*([kmgt]?)(i?)b?", Pattern.CASE_INSENSITIVE);
    /** Each letter is a factor of a thousand more than the one before; none is no factor. */
    private static final String POWERS = "kmgt";

    private Sizes() {}

    /** Bytes in a size such as {@code 512MB}, {@code 2GiB} or {@code 1000000}. */
    static long parse(String text, CommonOptions common) {
        Matcher matcher = SIZE.matcher(text.strip());
        if (matcher.matches()) {
            long factor = matcher.group(3).isEmpty() ? 1000 : 1024;
            String letter = matcher.group(2).toLowerCase(Locale.ROOT);
            int power = letter.isEmpty() ? 0 : POWERS.indexOf(letter) + 1;
            double bytes = Double.parseDouble(matcher.group(1)) * Math.pow((double) factor, power);
            if (bytes >= 1 && bytes < Long.MAX_VALUE) {
                return (long) bytes;
            }
        }
        throw new ParameterException(
                common.spec.commandLine(), "'" + text + "' is not a size: write 512MB or 2GiB, for example");
    }
}
