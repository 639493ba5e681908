package dev.gust.runtime.emulator;

/** What a work-item did wrong; the engine adds which one it was. */
final class KernelFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String remedy;

    KernelFault(String reason, String remedy) {
        super(reason);
        this.remedy = remedy;
    }

    /** How to go on. */
    String remedy() {
        return remedy;
    }
}
