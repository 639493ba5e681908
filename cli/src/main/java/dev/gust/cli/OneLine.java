package dev.gust.cli;

/** Text from outside, made fit for a line of its own. */
final class OneLine {
    private OneLine() {}

    /**
     * File and tensor names come from strangers: whatever could end the line, move the cursor or colour the terminal
     * becomes a space, so that no name can pretend to be a message of ours.
     */
    static String of(String text) {
        var line = new StringBuilder(text.length());
        text.codePoints().forEach(c -> line.appendCodePoint(isHarmful(c) ? ' ' : c));
        return line.toString();
    }

    private static boolean isHarmful(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE ->
                true;
            case Character.FORMAT -> isDirection(c);
            default -> false;
        };
    }

    /** Marks that reverse what follows, so that a name reads as another (embeddings, overrides, isolates). */
    private static boolean isDirection(int c) {
        return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    }
}
