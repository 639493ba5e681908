package dev.gust.runtime.encoder;

import java.util.List;

/** Closes what is made ready for an encoder, whatever of it fails. */
final class Plans {
    private Plans() {}

    static void close(List<? extends AutoCloseable> plans) {
        RuntimeException first = null;
        for (AutoCloseable plan : plans) {
            try {
                plan.close();
            } catch (Exception e) {
                RuntimeException failure = e instanceof RuntimeException r ? r : new IllegalStateException(e);
                if (first == null) {
                    first = failure;
                } else {
                    first.addSuppressed(failure);
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }
}
