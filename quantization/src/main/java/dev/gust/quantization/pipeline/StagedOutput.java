package dev.gust.quantization.pipeline;

import dev.gust.formats.OutputException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An output in the making: a folder {@code OUT.partial} beside the target, from which the finished file or folder moves
 * to its place in one step. One process at a time may work on a target.
 */
final class StagedOutput implements AutoCloseable {
    private static final String LOCK = "lock";

    private final Path target;
    private final Path partial;
    private final FileChannel lockFile;

    /** Folders above the target that were not there before, the innermost first. */
    private final List<Path> created;

    private StagedOutput(Path target, Path partial, FileChannel lockFile, List<Path> created) {
        this.target = target;
        this.partial = partial;
        this.lockFile = lockFile;
        this.created = created;
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
            List<Path> created = createParents(absolute);
            if (Files.exists(partial, LinkOption.NOFOLLOW_LINKS)
                    && !Files.isRegularFile(partial.resolve(LOCK), LinkOption.NOFOLLOW_LINKS)) {
                throw OutputException.of(
                        partial.toString(), "is in the way and was not made by Gust", "move or remove it");
            }
            Files.createDirectories(partial);
            lockFile = FileChannel.open(partial.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (!tryLock(lockFile)) {
                lockFile.close();
                throw OutputException.of(target.toString(), "another process is writing it", "wait for it or stop it");
            }
            var staged = new StagedOutput(absolute, partial, lockFile, created);
            staged.restoreReplaced();
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

    /** A run that was killed while it replaced the output may have left no output at all. */
    private void restoreReplaced() throws IOException {
        if (Files.exists(replaced(), LinkOption.NOFOLLOW_LINKS) && !Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            Files.move(replaced(), target);
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

    private static List<Path> createParents(Path absolute) throws IOException {
        var missing = new ArrayList<Path>();
        Path parent = absolute.getParent();
        while (parent != null && !Files.exists(parent)) {
            missing.add(parent);
            parent = parent.getParent();
        }
        Files.createDirectories(Objects.requireNonNull(absolute.getParent()));
        return missing;
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

    /** Where the output that is being replaced waits until the new one is in its place. */
    private Path replaced() {
        return partial.resolve("replaced");
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
        Path replaced = replaced();
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

    /** Removes everything, as if the run had never begun; the lock last, so that nobody else is at work meanwhile. */
    void discard() {
        try {
            delete(content());
            Files.deleteIfExists(journal());
            delete(replaced());
            Files.deleteIfExists(partial.resolve(LOCK));
            close();
            Files.delete(partial);
            for (Path folder : created) {
                Files.deleteIfExists(folder); // not if the output is in it
            }
        } catch (DirectoryNotEmptyException e) {
            // Something else has come here since, or the output.
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
            case FileAlreadyExistsException f -> f.getFile() + " is a file, not a folder";
            case NoSuchFileException f -> f.getFile() + " cannot be created";
            case FileSystemException f when f.getReason() != null -> f.getReason();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
        return OutputException.of(path.toString(), "cannot be written: " + reason, "check space and permissions", e);
    }
}
