package dev.gust.formats.onnx;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Writes protobuf messages by field number, and ONNX's messages on top of that: enough to build models, bad ones too. */
final class ProtoBuilder {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    ProtoBuilder varint(int field, long value) {
        return raw(varint(field << 3)).raw(varint(value));
    }

    ProtoBuilder bytes(int field, byte[] value) {
        return raw(varint((field << 3) | 2)).raw(varint(value.length)).raw(value);
    }

    ProtoBuilder text(int field, String value) {
        return bytes(field, value.getBytes(UTF_8));
    }

    ProtoBuilder message(int field, ProtoBuilder value) {
        return bytes(field, value.build());
    }

    ProtoBuilder fixed32(int field, float value) {
        return raw(varint((field << 3) | 5)).raw(floats(value));
    }

    ProtoBuilder fixed64(int field, double value) {
        return raw(varint((field << 3) | 1)).raw(doubles(value));
    }

    ProtoBuilder packed(int field, long... values) {
        var run = new ProtoBuilder();
        for (long value : values) {
            run.raw(varint(value));
        }
        return bytes(field, run.build());
    }

    ProtoBuilder raw(byte... bytes) {
        out.writeBytes(bytes);
        return this;
    }

    byte[] build() {
        return out.toByteArray();
    }

    static byte[] varint(long value) {
        var bytes = new ByteArrayOutputStream();
        long rest = value;
        while ((rest & ~0x7FL) != 0) {
            bytes.write((int) ((rest & 0x7F) | 0x80));
            rest >>>= 7;
        }
        bytes.write((int) rest);
        return bytes.toByteArray();
    }

    static byte[] floats(float... values) {
        var buffer = ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        return buffer.array();
    }

    static byte[] doubles(double... values) {
        var buffer = ByteBuffer.allocate(Double.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asDoubleBuffer().put(values);
        return buffer.array();
    }

    /** A TensorProto without data. */
    static ProtoBuilder tensor(String name, OnnxType type, long... dims) {
        return tensor(name, type.code(), dims);
    }

    static ProtoBuilder tensor(String name, int typeCode, long... dims) {
        var tensor = new ProtoBuilder();
        for (long dim : dims) {
            tensor.varint(1, dim);
        }
        return tensor.varint(2, typeCode).text(8, name);
    }

    /** A float tensor of raw data: 0, 1, 2 and so on. */
    static ProtoBuilder counting(String name, int... dims) {
        long[] longs = new long[dims.length];
        int elements = 1;
        for (int i = 0; i < dims.length; i++) {
            longs[i] = dims[i];
            elements *= dims[i];
        }
        float[] values = new float[elements];
        for (int i = 0; i < elements; i++) {
            values[i] = i;
        }
        return tensor(name, OnnxType.FLOAT, longs).bytes(9, floats(values));
    }

    static ProtoBuilder node(String op, String name, List<String> inputs, String output, ProtoBuilder... attributes) {
        var node = new ProtoBuilder();
        inputs.forEach(input -> node.text(1, input));
        node.text(2, output).text(3, name).text(4, op);
        for (ProtoBuilder attribute : attributes) {
            node.message(5, attribute);
        }
        return node;
    }

    static ProtoBuilder attribute(String name) {
        return new ProtoBuilder().text(1, name);
    }

    /** A Constant node. */
    static ProtoBuilder constant(String output, ProtoBuilder tensor) {
        return node("Constant", "", List.of(), output, attribute("value").message(5, tensor));
    }

    static ProtoBuilder graph(List<ProtoBuilder> nodes, List<ProtoBuilder> initialisers) {
        var graph = new ProtoBuilder();
        nodes.forEach(node -> graph.message(1, node));
        initialisers.forEach(initialiser -> graph.message(5, initialiser));
        return graph;
    }

    static byte[] model(ProtoBuilder graph) {
        return new ProtoBuilder()
                .varint(1, 8)
                .text(2, "test")
                .message(7, graph)
                .message(14, new ProtoBuilder().text(1, "key").text(2, "value"))
                .build();
    }
}
