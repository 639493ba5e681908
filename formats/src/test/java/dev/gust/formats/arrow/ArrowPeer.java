package dev.gust.formats.arrow;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.apache.arrow.c.ArrowArray;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.c.CDataDictionaryProvider;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * Plays the part of another program that uses Arrow as it comes: its readers, its writers and its C data interface, in
 * a process of its own that opens {@code java.nio} to them, which Gust's never does.
 */
final class ArrowPeer {
    static final int BATCHES = 3;
    static final int ROWS = 100;

    private ArrowPeer() {}

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        read(folder.resolve("gust.arrow"));
        write(folder.resolve("peer.arrow"), folder.resolve("peer.arrows"), BATCHES, false);
        write(folder.resolve("one.arrow"), folder.resolve("one.arrows"), 1, false);
        write(folder.resolve("nulls.arrow"), folder.resolve("nulls.arrows"), 1, true);
        exchange();
    }

    /** Prints each column's name, classes and values. */
    private static void read(Path path) throws IOException {
        try (var root = new RootAllocator();
                var reader = new ArrowFileReader(FileChannel.open(path), root)) {
            while (reader.loadNextBatch()) {
                VectorSchemaRoot batch = reader.getVectorSchemaRoot();
                for (FieldVector vector : batch.getFieldVectors()) {
                    var list = (FixedSizeListVector) vector;
                    System.out.println(vector.getName() + "|"
                            + list.getDataVector().getMinorType() + "|"
                            + vector.getField().getMetadata().get("ARROW:extension:metadata") + "|"
                            + batch.getRowCount() + "|" + list.getObject(0));
                }
            }
        }
    }

    private static void write(Path file, Path stream, int batches, boolean nulls) throws IOException {
        var element = new Field("item", FieldType.nullable(new ArrowType.Int(16, true)), List.of());
        var list = new Field("list", FieldType.nullable(new ArrowType.FixedSizeList(3)), List.of(element));
        try (var allocator = new RootAllocator();
                var plain = new Float4Vector("plain", allocator);
                var lists = (FixedSizeListVector) list.createVector(allocator);
                var root = VectorSchemaRoot.of(plain, lists);
                var fileWriter = new ArrowFileWriter(root, null, open(file));
                var streamWriter = new ArrowStreamWriter(root, null, open(stream))) {
            fileWriter.start();
            streamWriter.start();
            for (int b = 0; b < batches; b++) {
                plain.allocateNew(ROWS);
                lists.allocateNew();
                var shorts = (SmallIntVector) lists.getDataVector();
                shorts.allocateNew(3 * ROWS);
                for (int i = 0; i < ROWS; i++) {
                    plain.set(i, b * ROWS + i);
                    lists.setNotNull(i);
                }
                for (int i = 0; i < 3 * ROWS; i++) {
                    shorts.set(i, b * 3 * ROWS + i);
                }
                if (nulls) {
                    plain.setNull(7);
                }
                root.setRowCount(ROWS);
                fileWriter.writeBatch();
                streamWriter.writeBatch();
            }
            fileWriter.end();
            streamWriter.end();
        }
    }

    private static FileChannel open(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    /** Ours to Arrow's own C data interface, and back. */
    private static void exchange() {
        var info = new TensorInfo("t", DType.F32, Shape.of(2, 3));
        try (var ours = TensorAllocator.unlimited();
                var theirs = new RootAllocator();
                var array = ArrowArray.allocateNew(theirs);
                var schema = ArrowSchema.allocateNew(theirs);
                var dictionaries = new CDataDictionaryProvider()) {
            try (Tensor tensor = ours.allocate(info)) {
                for (int i = 0; i < 6; i++) {
                    tensor.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
                }
                ArrowTensors.exportTensor(ours, tensor, array.memoryAddress(), schema.memoryAddress());
            }
            try (FieldVector imported = Data.importVector(theirs, array, schema, dictionaries)) {
                System.out.println(
                        "imported|" + imported.getField().getMetadata().get("gust.shape") + "|"
                                + imported.getClass().getSimpleName() + "|" + imported.getObject(0));
            }
            System.out.println("released|" + ours.allocatedBytes());
        }
        try (var ours = TensorAllocator.unlimited();
                var theirs = new RootAllocator();
                var array = ArrowArray.allocateNew(theirs);
                var schema = ArrowSchema.allocateNew(theirs)) {
            try (var vector = new Float4Vector("v", theirs)) {
                vector.allocateNew(5);
                for (int i = 0; i < 5; i++) {
                    vector.set(i, i + 0.5f);
                }
                vector.setValueCount(5);
                Data.exportVector(theirs, vector, null, array, schema);
            }
            try (Tensor tensor = ArrowTensors.importTensor(ours, array.memoryAddress(), schema.memoryAddress())) {
                System.out.println("tensor|" + tensor + "|" + tensor.data().getAtIndex(ValueLayout.JAVA_FLOAT, 4));
            }
        }
        System.out.println("done");
    }
}
