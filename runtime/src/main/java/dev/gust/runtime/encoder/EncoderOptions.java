package dev.gust.runtime.encoder;

import dev.gust.formats.UsageException;
import dev.gust.runtime.layer.Pooling;
import dev.gust.runtime.matmul.MatmulOptions;

/**
 * How to run an encoder.
 *
 * @param tokens most tokens of a call, of all its sequences together; what a device sets aside grows with it
 * @param pooling how tokens become one vector
 * @param products how to multiply by the weights
 */
public record EncoderOptions(int tokens, Pooling.Kind pooling, MatmulOptions products) {
    /**
     * 512 tokens, means, and float32 activations: with the integer path an encoder's figures would depend on the device.
     */
    public static final EncoderOptions DEFAULT =
            new EncoderOptions(512, Pooling.Kind.MEAN, MatmulOptions.DEFAULT.withIntegerPath(false));

    public EncoderOptions {
        if (tokens < 1) {
            throw new UsageException(tokens + " tokens in a call", "take 1 at least");
        }
    }

    public EncoderOptions withTokens(int most) {
        return new EncoderOptions(most, pooling, products);
    }

    public EncoderOptions withPooling(Pooling.Kind kind) {
        return new EncoderOptions(tokens, kind, products);
    }

    public EncoderOptions withProducts(MatmulOptions options) {
        return new EncoderOptions(tokens, pooling, options);
    }
}
