package dev.gust.runtime.hybrid;

/** A rule made ready: the plans it is composed of, and what is done between them on the host. */
interface HybridParts extends AutoCloseable {
    void run(HybridCall call);

    @Override
    void close();
}
