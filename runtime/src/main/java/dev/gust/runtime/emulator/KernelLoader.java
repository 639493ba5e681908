package dev.gust.runtime.emulator;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;

/**
 * Loads rewritten copies of kernels, beside the classes that everybody else uses. Everything that kernels call is loaded
 * here, but for what they share with the emulator: Java's classes, TornadoVM's API and the emulator's own. Kernels have
 * no state, so copies of their classes make no difference.
 */
final class KernelLoader extends ClassLoader {
    /** Names the frames of rewritten kernels in stack traces. */
    static final String NAME = "gust-emulator";

    private final ClassLoader originals;

    /** @param originals the loader of the kernels as they were compiled */
    KernelLoader(ClassLoader originals) {
        super(NAME, originals);
        this.originals = originals;
    }

    /** Whether kernels share a class with everybody else, so that it is not rewritten. */
    static boolean isShared(String className) {
        return className.startsWith("java.")
                || className.startsWith("javax.")
                || className.startsWith("jdk.")
                || className.startsWith("uk.ac.manchester.tornado.")
                || isEmulator(className);
    }

    private static boolean isEmulator(String className) {
        return className.equals(EmulatedContext.class.getName())
                || className.equals(CallFrames.class.getName())
                || className.equals(KernelChecks.class.getName());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (isEmulator(name)) {
            return Class.forName(name, false, EmulatedContext.class.getClassLoader());
        }
        if (isShared(name)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : rewrite(name);
        }
    }

    private Class<?> rewrite(String name) throws ClassNotFoundException {
        byte[] original = bytes(originals, name).orElseThrow(() -> new ClassNotFoundException(name));
        byte[] checked = new AccessRewriter(originals).rewrite(original);
        byte[] resumable = new BarrierRewriter(originals).rewrite(checked);
        return defineClass(name, resumable, 0, resumable.length);
    }

    /** A class file. */
    static Optional<byte[]> bytes(ClassLoader loader, String className) {
        try (InputStream in = loader.getResourceAsStream(className.replace('.', '/') + ".class")) {
            return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
