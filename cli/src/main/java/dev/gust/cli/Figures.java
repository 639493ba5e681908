package dev.gust.cli;

import java.util.Locale;

/** Numbers as people read them; the same in every locale. */
final class Figures {
    private Figures() {}

    /** As {@code 1,179,648}. */
    static String grouped(long n) {
        return String.format(Locale.ROOT, "%,d", n);
    }

    /** As {@code 43.4 MB}. */
    static String bytes(long n) {
        String[] units = {"B", "kB", "MB", "GB", "TB"};
        double value = n;
        int unit = 0;
        while (value >= 1000 && unit < units.length - 1) {
            value /= 1000;
            unit++;
        }
        return unit == 0 ? n + " B" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
    }

    /** As {@code 20.43}; {@code exact} where nothing was lost. */
    static String decibels(double db) {
        return db == Double.POSITIVE_INFINITY ? "exact" : String.format(Locale.ROOT, "%.2f", db);
    }

    /** As {@code 3.1e-05}. */
    static String scientific(double x) {
        return String.format(Locale.ROOT, "%.3g", x);
    }

    /** A factor such as {@code 7.11x}. */
    static String ratio(long before, long after) {
        return after == 0 ? "-" : String.format(Locale.ROOT, "%.2fx", (double) before / after);
    }
}
