package dev.gust.quantization.pipeline;

import dev.gust.formats.OutputException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * An output in the making: a folder {@code OUT.partial} beside the target, from which the finished file or folder moves
 * to its place in one step. One process at a time may work on a target.
 */
final class StagedOutput implements AutoCloseable {
    private final Path target;
    private final Path partial;
    private final FileChannel lockFile;

    private StagedOutput(Path target, Path partial, FileChannel lockFile) {
        this.target = target;
        this.partial = partial;
        this.lockFile = lockFile;
    }

    /**
     * Prepares the folder.
     *
     * @param target where the output goes in the end
     * @param resume keep what an interrupted run left
     * @param overwrite the target may exist
     * @throws OutputException if the target exists and may not, or another process works on it, or the disk refuses
     */
    static StagedOutput open(Path target, boolean resume, boolean overwrite) {
        Path absolute = target.toAbsolutePath().normalize();
        Path name = absolute.getFileName();
        if (name == null || absolute.getParent() == null) {
            throw OutputException.of(target.toString(), "is not a name for a file or folder", "name one");
        }
        if (Files.exists(absolute, LinkOption.NOFOLLOW_LINKS) && !overwrite && !isEmptyFolder(absolute)) {
            throw OutputException.of(
                    target.toString(), "exists already", "choose another name, or replace it with --overwrite");
        }
        if (Files.isDirectory(absolute) && !isEmptyFolder(absolute) && !Files.exists(absolute.resolve("config.json"))) {
            throw OutputException.of(
                    target.toString(), "is a folder that holds no model", "name another, or remove it yourself");
        }
        Path partial = absolute.resolveSibling(name + ".partial");
        FileChannel lockFile = null;
        try {
            Files.createDirectories(absolute.getParent());
            if (Files.exists(partial, LinkOption.NOFOLLOW_LINKS)
                    && !Files.isRegularFile(partial.resolve("lock"), LinkOption.NOFOLLOW_LINKS)) {
                throw OutputException.of(
                        partial.toString(), "is in the way and was not made by Gust", "move or remove it");
            }
            Files.createDirectories(partial);
            lockFile = FileChannel.open(partial.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (!tryLock(lockFile)) {
                lockFile.close();
                throw OutputException.of(target.toString(), "another process is writing it", "wait for it or stop it");
            }
            var staged = new StagedOutput(target, partial, lockFile);
            if (!resume) {
                delete(staged.content());
                Files.deleteIfExists(staged.journal());
            }
            Files.createDirectories(staged.content());
            return staged;
        } catch (IOException e) {
            throw failure(target, e);
        }
    }

    private static boolean tryLock(FileChannel file) throws IOException {
        try {
            FileLock lock = file.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false; // held by this very process
        }
    }

    private static boolean isEmptyFolder(Path path) {
        if (!Files.isDirectory(path)) {
            return false;
        }
        try (var entries = Files.list(path)) {
            return entries.findAny().isEmpty();
        } catch (IOException e) {
            return false;
        }
    }

    /** The folder whose files become the output. */
    Path content() {
        return partial.resolve("content");
    }

    Path journal() {
        return partial.resolve("journal.jsonl");
    }

    /**
     * Moves the finished output to its place.
     *
     * @param isFolder whether the whole content is the output, or its one file of the target's name
     */
    void commit(boolean isFolder) {
        Path finished = isFolder ? content() : content().resolve(target.getFileName());
        Path replaced = partial.resolve("replaced");
        try {
            delete(replaced);
            if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
                Files.move(target, replaced);
            }
            try {
                Files.move(finished, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                Files.move(finished, target);
            } catch (IOException e) {
                if (Files.exists(replaced, LinkOption.NOFOLLOW_LINKS)) {
                    Files.move(replaced, target);
                }
                throw e;
            }
        } catch (IOException e) {
            throw failure(target, e);
        }
        discard();
    }

    /** Removes everything, as if the run had never begun. */
    void discard() {
        close();
        try {
            delete(partial);
        } catch (IOException e) {
            throw failure(target, e);
        }
    }

    /** Ends the work and keeps what there is, for a run that resumes it. */
    @Override
    public void close() {
        try {
            lockFile.close();
        } catch (IOException e) {
            throw failure(target, e);
        }
    }

    private static void delete(Path root) throws IOException {
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e) throws IOException {
                if (e != null) {
                    throw e;
                }
                Files.delete(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static OutputException failure(Path path, IOException e) {
        String reason = switch (e) {
            case AccessDeniedException _ -> "permission denied";
            case FileSystemException f when f.getReason() != null -> f.getReason();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
        return OutputException.of(path.toString(), "cannot be written: " + reason, "check space and permissions", e);
    }
}
