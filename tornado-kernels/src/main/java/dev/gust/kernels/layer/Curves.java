package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/** The curves of gates. None overflows, and all keep their relative precision far from zero. */
public final class Curves {
    private Curves() {}

    /** 1 / (1 + e⁻ˣ). */
    static float sigmoidOf(float x) {
        float e = TornadoMath.exp(-TornadoMath.abs(x));
        float y = 1.0f / (1.0f + e);
        if (x < 0.0f) {
            y = e * y;
        }
        return y;
    }

    /** x / (1 + e⁻ˣ). */
    static float siluOf(float x) {
        return x * sigmoidOf(x);
    }

    /** log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|). */
    static float softplusOf(float x) {
        return TornadoMath.max(x, 0.0f) + logOnePlus(TornadoMath.exp(-TornadoMath.abs(x)), 1.0f);
    }

    /**
     * log(1 + a / b) for 0 ≤ a ≤ b, b &gt; 0. The logarithm of a sum loses what is small beside 1, and devices have no log1p: it
     * is 2 artanh(s) with s = a / (2 b + a), which is at most 1/3, so that seven terms of the series are exact to float32.
     */
    public static float logOnePlus(float a, float b) {
        float s = a / (2.0f * b + a);
        float t = s * s;
        float sum = 0.15384616f;
        sum = sum * t + 0.18181819f;
        sum = sum * t + 0.22222222f;
        sum = sum * t + 0.2857143f;
        sum = sum * t + 0.4f;
        sum = sum * t + 0.6666667f;
        sum = sum * t + 2.0f;
        return s * sum;
    }

    /**
     * x · Φ(x), GELU with the error function, which devices do not have. With a = |x| and t = 1 / (1 + 0.35 a),
     * Φ(−a) = e^(−a²/2) · t · p(t); p is of degree 8, fitted by us to a relative error of 3.2e-8 for a up to 15, so that
     * small results far below zero keep their digits, too.
     */
    static float geluOf(float x) {
        float a = TornadoMath.abs(x);
        float t = 1.0f / (1.0f + 0.35f * a);
        float sum = -0.029163852f;
        sum = sum * t + 0.14406045f;
        sum = sum * t - 0.25590116f;
        sum = sum * t + 0.15939216f;
        sum = sum * t - 0.023263343f;
        sum = sum * t + 0.10557461f;
        sum = sum * t + 0.11981554f;
        sum = sum * t + 0.13986433f;
        sum = sum * t + 0.13962126f;
        float tail = TornadoMath.exp(-0.5f * a * a) * t * sum;
        float y = 1.0f - tail;
        if (x < 0.0f) {
            y = tail;
        }
        return x * y;
    }
}
